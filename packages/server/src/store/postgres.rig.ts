import { Client } from 'pg';
import type { PostgresProcess } from '../bus/postgres.rig.ts';
import { SimulatedClock } from '../clock.ts';
import { openPostgresStore, type PostgresStore } from './store-postgres.ts';

/** The databases of a test's Postgres: as many as are asked for, ready for a store. */
export class PostgresDatabases {
  readonly #postgres: PostgresProcess;
  #count = 0;
  #template: Promise<string> | undefined;
  #again: Promise<string> | undefined;

  constructor(postgres: PostgresProcess) {
    this.#postgres = postgres;
  }

  /** The address of a new and empty database. */
  async empty(): Promise<string> {
    return this.#create('template1');
  }

  /** The address of a new database that has the layout already; much quicker than an empty one. */
  async ready(): Promise<string> {
    this.#template ??= this.empty().then(async (url) => {
      const store = await openPostgresStore({ url, clock: new SimulatedClock() });
      await store.close();
      return nameOf(url);
    });
    return this.#create(await this.#template);
  }

  async drop(url: string): Promise<void> {
    await run(this.#postgres.url(), `DROP DATABASE ${nameOf(url)} WITH (FORCE)`);
  }

  /** A store in a database of its own, which goes with it. */
  async store(): Promise<PostgresStore> {
    const url = await this.ready();
    const store = await openPostgresStore({ url, clock: new SimulatedClock() });
    return closing(store, () => this.drop(url));
  }

  /** A store in a database that is always the same, emptied: quicker still, for one test after the other. */
  async emptied(clock = new SimulatedClock()): Promise<PostgresStore> {
    this.#again ??= this.ready();
    await run(await this.#again, EMPTY);
    return this.beside(clock);
  }

  /** A second server's store, over what the last `emptied` one holds. */
  async beside(clock = new SimulatedClock()): Promise<PostgresStore> {
    this.#again ??= this.ready();
    return openPostgresStore({ url: await this.#again, clock, connections: 4 });
  }

  async #create(template: string): Promise<string> {
    this.#count += 1;
    const database = `test_${this.#count}`;
    await run(this.#postgres.url(), `CREATE DATABASE ${database} TEMPLATE ${template}`);
    return this.#postgres.url({ database });
  }
}

const EMPTY = `DO $$ BEGIN EXECUTE (
  SELECT 'TRUNCATE ' || string_agg('millrace.' || relname, ', ') FROM pg_class
  WHERE relnamespace = 'millrace'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'meta'
); END $$`;

/** The store, and something that is done once it is closed. */
function closing(store: PostgresStore, after: () => Promise<unknown>): PostgresStore {
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    await after();
  };
  return store;
}

/** One or more statements, on a connection of their own. */
export async function run<Row extends object = object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

const nameOf = (url: string): string => new URL(url).pathname.slice(1);
