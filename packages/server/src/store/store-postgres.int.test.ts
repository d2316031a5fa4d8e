import { afterAll, beforeAll, vi } from 'vitest';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { SimulatedClock } from '../clock.ts';
import { closing, PostgresDatabases, run } from './postgres.rig.ts';
import { storeSuite } from './store.suite.ts';
import { storeCommitsSuite } from './store-commits.suite.ts';
import { MemoryStore } from './store-memory.ts';
import { storeModelSuite } from './store-model.suite.ts';
import { openPostgresStore, type PostgresStore } from './store-postgres.ts';

vi.setConfig({ testTimeout: 120_000 });

let postgres: PostgresProcess;
let databases: PostgresDatabases;
let again: string;
beforeAll(async () => {
  postgres = await PostgresProcess.start();
  databases = new PostgresDatabases(postgres);
  again = await databases.ready();
});
afterAll(() => postgres.remove());

/** Always the same database, emptied: the model asks for hundreds. */
async function emptied(): Promise<PostgresStore> {
  const store = await openPostgresStore({ url: again, clock: new SimulatedClock(), connections: 4 });
  return closing(store, () => run(again, EMPTY));
}

const EMPTY = `DO $$ BEGIN EXECUTE (
  SELECT 'TRUNCATE ' || string_agg('millrace.' || relname, ', ') FROM pg_class
  WHERE relnamespace = 'millrace'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'meta'
); END $$`;

storeSuite('the Postgres store', () => databases.store());
storeCommitsSuite('the Postgres store', () => databases.store());
storeModelSuite('the Postgres store', () => new MemoryStore('0k3v9x2aa00000000'), emptied, 80);
