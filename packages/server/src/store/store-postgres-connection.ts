import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import { type ClientBase, type ClientConfig, Pool, types } from 'pg';
import { failureOf, isLost, isUndone, type PostgresPlace } from './store-postgres-failure.ts';
import { nameOut } from './store-postgres-names.ts';

/** ms until a connection is given up that could not be made, and a statement that was not answered */
const CONNECT_TIMEOUT = 5_000;
const QUERY_TIMEOUT = 15_000;
/** how often a statement is sent again that Postgres undid */
const TRIES = 5;

/** Postgres' numbers of the types that are read in a way of ours. */
const INT8 = 20;
const VARCHAR = 1043;

/** Every `bigint` that is read fits into a number; a column of the type `name` arrives as the `varchar` that it is. */
const parsers: ClientConfig['types'] = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format === 'binary') return types.getTypeParser(oid, format);
    if (oid === INT8) return Number;
    return oid === VARCHAR ? nameOut : types.getTypeParser(oid, 'text');
  },
};

export function clientConfig(url: string): ClientConfig {
  return {
    connectionString: url,
    application_name: 'millrace',
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    query_timeout: QUERY_TIMEOUT,
    keepAlive: true,
    types: parsers,
  };
}

/** What one statement needs of a connection. */
export type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

export const queryOf =
  (client: ClientBase): Query =>
  async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(text, [...values])).rows;

/**
 * The connections to one database. Every statement is a transaction of its own and leaves nothing behind in its
 * session, so a pooler in transaction mode may stand between; what takes several is in `transaction`.
 */
export class PostgresConnection {
  readonly place: PostgresPlace;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #pauses = new Set<() => void>();
  #closed = false;

  /** `welcome` looks at every new connection before it is used. */
  constructor(options: {
    url: string;
    place: PostgresPlace;
    connections: number;
    clock: Clock;
    welcome(query: Query): Promise<void>;
  }) {
    this.place = options.place;
    this.#clock = options.clock;
    this.#pool = new Pool({
      ...clientConfig(options.url),
      max: options.connections,
      verify: (client, done) => {
        options.welcome(queryOf(client)).then(() => done(), done);
      },
    });
    // An idle connection that breaks is dropped by the pool; the next statement gets a new one. One that breaks while it is
    // looked at, or is in use, fails what was asked of it; without a listener of its own it would end the process.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /**
   * For statements that may be done twice: one whose connection broke is sent once more.
   * Errors: `storage_unavailable`, `storage_full`.
   */
  readonly query: Query = async <Row extends object>(text: string, values: readonly unknown[] = []) => {
    for (let tries = 1; ; tries++) {
      try {
        return await this.once<Row>(text, values);
      } catch (error) {
        const again = isUndone(error) ? tries < TRIES : isLost(error) && tries === 1 && !(error instanceof Unsent);
        if (!again) throw this.failure(error);
      }
    }
  };

  /** Sends it once. Throws what Postgres or the connection says, or `Unsent`. */
  once<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    return this.use((query) => query<Row>(text, values));
  }

  async transaction<Answer>(work: (query: Query) => Promise<Answer>): Promise<Answer> {
    try {
      return await this.use((query) => inTransaction(query, work));
    } catch (error) {
      throw this.failure(error);
    }
  }

  /**
   * One connection for all of the work. One that had broken while nobody used it is replaced.
   * Throws what Postgres or the connection says, or `Unsent`.
   */
  async use<Answer>(work: (query: Query) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      try {
        return await this.#attempt(work);
      } catch (error) {
        if (!isUnwritten(error)) throw error;
      }
    }
  }

  async #attempt<Answer>(work: (query: Query) => Promise<Answer>): Promise<Answer> {
    if (this.#closed) throw new Unsent(closed());
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw new Unsent(error);
    });
    let lost = true;
    try {
      const answer = await work(queryOf(client));
      lost = false;
      return answer;
    } catch (error) {
      lost = isLost(error);
      throw error;
    } finally {
      client.release(lost);
    }
  }

  failure(error: unknown): MillraceError {
    if (this.#closed) return closed();
    return failureOf(error instanceof Unsent ? error.cause : error, this.place);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Resolves after `ms`, or at once when the store is closed. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#clock.after(ms, end);
      this.#pauses.add(end);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of this.#pauses) end();
    await this.#pool.end();
  }
}

/** No connection could be made, so nothing was sent. */
export class Unsent extends Error {
  constructor(cause: unknown) {
    super('The statement was not sent.', { cause });
  }
}

/** The system did not take all of it, and what Postgres has of a statement without its end is nothing. */
const isUnwritten = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && error.syscall === 'write';

export async function inTransaction<Answer>(query: Query, work: (query: Query) => Promise<Answer>): Promise<Answer> {
  await query('BEGIN');
  try {
    const answer = await work(query);
    await query('COMMIT');
    return answer;
  } catch (error) {
    await query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function closed(): MillraceError {
  return new MillraceError('storage_unavailable', { detail: 'The store is closed.' });
}
