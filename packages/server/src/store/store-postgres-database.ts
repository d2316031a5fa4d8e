import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import { Client } from 'pg';
import { newEpoch } from './epoch.ts';
import { postgres0001 } from './migrations/postgres-0001.ts';
import { postgres0001claim } from './migrations/postgres-0001-claim.ts';
import { postgres0001commit } from './migrations/postgres-0001-commit.ts';
import { postgres0001deletion } from './migrations/postgres-0001-deletion.ts';
import { postgres0001gates } from './migrations/postgres-0001-gates.ts';
import { postgres0001rows } from './migrations/postgres-0001-rows.ts';
import { postgres0002commit } from './migrations/postgres-0002-commit.ts';
import { postgres0002judge } from './migrations/postgres-0002-judge.ts';
import { postgres0003look } from './migrations/postgres-0003-look.ts';
import { postgres0004 } from './migrations/postgres-0004.ts';
import { postgres0004claim } from './migrations/postgres-0004-claim.ts';
import { postgres0004commit } from './migrations/postgres-0004-commit.ts';
import { clientConfig, inTransaction, PostgresConnection, type Query, queryOf } from './store-postgres-connection.ts';
import { failureOf, OLDEST, type PostgresPlace, readOnly, tooOld } from './store-postgres-failure.ts';
import { RunNumbers } from './store-postgres-numbers.ts';
import { makePartitions } from './store-postgres-partitions.ts';

export interface PostgresOptions {
  /** postgres://user:password@host:port/database */
  url: string;
  clock: Clock;
  /** how many connections to the database at most; default 8 */
  connections?: number;
  /** for the epoch; default node:crypto's */
  random?: (bytes: number) => Uint8Array;
}

/** In order; a migration's number is its place, from 1. `minReader`: the oldest program that can use the result. */
const migrations: readonly { sql: string; minReader: number }[] = [
  {
    sql: [
      postgres0001,
      postgres0001gates,
      postgres0001rows,
      postgres0001commit,
      postgres0001claim,
      postgres0001deletion,
    ].join('\n'),
    minReader: 1,
  },
  { sql: [postgres0002judge, postgres0002commit].join('\n'), minReader: 1 },
  { sql: postgres0003look, minReader: 1 },
  { sql: [postgres0004, postgres0004claim, postgres0004commit].join('\n'), minReader: 1 },
];

/** Whoever changes the layout, the partitions or the epoch holds this lock; ten servers may start at once. */
export const LOCK = "SELECT pg_advisory_xact_lock(hashtext('millrace'))";

/**
 * What tells one history of the database from another: the cluster, its timeline (new after every failover and every
 * restore to a point in time), and the table itself (new after a restore from a dump).
 */
const LINEAGE = `SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
  left(pg_walfile_name(pg_current_wal_lsn()), 8), 'millrace.meta'::regclass::oid) AS lineage`;
/** Of a Postgres that hides its files. A failover goes unnoticed there. */
const LINEAGE_OF_TABLE = `SELECT 'millrace.meta'::regclass::oid::text AS lineage`;

/** A database that is ready, and the epoch that its history has. */
export class PostgresDatabase {
  /** for everything but commits */
  readonly connection: PostgresConnection;
  /** for commits, so that no long list holds them up */
  readonly writer: PostgresConnection;
  readonly numbers = new RunNumbers();
  readonly #options: PostgresOptions;
  #lineage = '';
  #epoch = '';

  private constructor(options: PostgresOptions, place: PostgresPlace) {
    this.#options = options;
    const { url, clock, connections = 8 } = options;
    const writers = Math.max(1, Math.floor(connections / 4));
    const about = { url, place, clock, welcome: (query: Query) => this.#look(query) };
    this.writer = new PostgresConnection({ ...about, connections: writers });
    this.connection = new PostgresConnection({ ...about, connections: Math.max(1, connections - writers) });
  }

  /**
   * Connects, and brings the layout up to date.
   * Errors: `config_invalid`, `storage_unavailable`, `storage_full`, `database_too_new`.
   */
  static async open(options: PostgresOptions): Promise<PostgresDatabase> {
    const client = clientOf(options.url);
    const place = { host: client.host, port: client.port, database: client.database ?? '', user: client.user ?? '' };
    let database: PostgresDatabase | undefined;
    try {
      const query = queryOf(client);
      await greet(client, place);
      await inTransaction(query, async () => {
        await query(LOCK);
        await migrate(query);
        await makePartitions(query);
      });
      database = new PostgresDatabase(options, place);
      await database.#look(query);
      return database;
    } catch (error) {
      await database?.close();
      throw failureOf(error, place);
    } finally {
      // A connection that was never made, or that broke, has nothing to end.
      await client.end().catch(() => undefined);
    }
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** Makes the partitions that are due, while nobody else does. */
  async makePartitions(): Promise<void> {
    await this.connection.transaction(async (query) => {
      await query(LOCK);
      await makePartitions(query);
    });
  }

  /** Errors: `storage_unavailable`, with what to do about it. */
  async check(): Promise<void> {
    try {
      await this.connection.use((query) => this.#look(query));
    } catch (error) {
      throw this.connection.failure(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.writer.close(), this.connection.close()]);
  }

  /** Looks whether this still is the primary, and the history that was known: if not, cursors of old ones end here. */
  async #look(query: Query): Promise<void> {
    const [found] = await query<{ standby: boolean; plain: boolean }>(
      `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS standby,
         has_function_privilege('pg_control_system()', 'EXECUTE')
         AND has_function_privilege('pg_current_wal_lsn()', 'EXECUTE') AS plain`,
    );
    if (found?.standby) throw readOnly(this.connection.place);
    const lineage = async () => {
      const [row] = await query<{ lineage: string }>(found?.plain ? LINEAGE : LINEAGE_OF_TABLE);
      return row?.lineage ?? '';
    };
    if ((await lineage()) === this.#lineage) return;
    const renewed = await renewEpoch(query, lineage, this.#options);
    this.numbers.clear();
    this.#epoch = renewed.epoch;
    this.#lineage = renewed.lineage;
  }
}

function clientOf(url: string): Client {
  try {
    return new Client(clientConfig(url));
  } catch (cause) {
    const detail = 'DATABASE_URL is no address like postgres://user:password@host:5432/database.';
    throw new MillraceError('config_invalid', { detail, cause });
  }
}

async function greet(client: Client, place: PostgresPlace): Promise<void> {
  const told = new Map<string, string>();
  client.on('error', () => undefined);
  client.connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
    told.set(parameterName, parameterValue);
  });
  await client.connect();
  const version = told.get('server_version') ?? '';
  if (Number.parseInt(version, 10) < OLDEST) throw tooOld(place, version);
  const query = queryOf(client);
  const [found] = await query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  if (found?.standby) throw readOnly(place);
}

async function migrate(query: Query): Promise<void> {
  // Creating a schema that is there already needs a right that using it does not.
  const [there] = await query<{ schema: boolean; meta: boolean }>(
    "SELECT to_regnamespace('millrace') IS NOT NULL AS schema, to_regclass('millrace.meta') IS NOT NULL AS meta",
  );
  if (!there?.schema) await query('CREATE SCHEMA millrace');
  if (!there?.meta) await query('CREATE TABLE millrace.meta (key text PRIMARY KEY, value text NOT NULL)');
  const meta = await readMeta(query);
  const minReader = Number(meta.get('minReader') ?? 0);
  const version = migrations.length;
  if (minReader > version) {
    const detail = `The database needs a program that reads layout ${minReader}; this one reads ${version}.`;
    throw new MillraceError('database_too_new', { detail, facts: { minReader, version } });
  }
  const pending = migrations.slice(Number(meta.get('version') ?? 0));
  for (const { sql } of pending) await query(sql);
  const last = pending.at(-1);
  if (!last) return;
  await writeMeta(query, 'version', String(version));
  await writeMeta(query, 'minReader', String(last.minReader));
}

/** The epoch of this history: the stored one, or a new one where the history is another than when it was stored. */
async function renewEpoch(
  query: Query,
  lineageOf: () => Promise<string>,
  { clock, random }: PostgresOptions,
): Promise<{ epoch: string; lineage: string }> {
  return inTransaction(query, async () => {
    await query(LOCK);
    const lineage = await lineageOf();
    const meta = await readMeta(query);
    const known = meta.get('epoch');
    if (known !== undefined && meta.get('lineage') === lineage) return { epoch: known, lineage };
    const epoch = newEpoch(clock.now(), known, random);
    await writeMeta(query, 'epoch', epoch);
    await writeMeta(query, 'lineage', lineage);
    return { epoch, lineage };
  });
}

async function readMeta(query: Query): Promise<Map<string, string>> {
  const rows = await query<{ key: string; value: string }>('SELECT key, value FROM millrace.meta');
  return new Map(rows.map(({ key, value }) => [key, value]));
}

async function writeMeta(query: Query, key: string, value: string): Promise<void> {
  await query(
    'INSERT INTO millrace.meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    [key, value],
  );
}
