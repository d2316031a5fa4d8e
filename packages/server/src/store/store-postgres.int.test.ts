import { afterAll, beforeAll, vi } from 'vitest';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { PostgresDatabases } from './postgres.rig.ts';
import { storeSuite } from './store.suite.ts';
import { storeCommitsSuite } from './store-commits.suite.ts';
import { MemoryStore } from './store-memory.ts';
import { storeModelSuite } from './store-model.suite.ts';

vi.setConfig({ testTimeout: 120_000 });

let postgres: PostgresProcess;
let databases: PostgresDatabases;
beforeAll(async () => {
  postgres = await PostgresProcess.start();
  databases = new PostgresDatabases(postgres);
});
afterAll(() => postgres.remove());

storeSuite('the Postgres store', () => databases.store());
storeCommitsSuite('the Postgres store', () => databases.store());
storeModelSuite(
  'the Postgres store',
  () => new MemoryStore('0k3v9x2aa00000000'),
  () => databases.emptied(),
  80,
);
