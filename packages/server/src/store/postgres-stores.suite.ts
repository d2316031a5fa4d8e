import { afterAll, afterEach, beforeAll } from 'vitest';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { SimulatedClock } from '../clock.ts';
import { PostgresDatabases } from './postgres.rig.ts';
import { openPostgresStore, type PostgresStore } from './store-postgres.ts';

/** A Postgres of a test file's own, its databases, and stores over them that are closed after each test. */
export function postgresStores() {
  let postgres: PostgresProcess;
  let databases: PostgresDatabases;
  const opened: PostgresStore[] = [];

  beforeAll(async () => {
    postgres = await PostgresProcess.start();
    databases = new PostgresDatabases(postgres);
  });
  afterAll(() => postgres.remove());
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  return {
    get postgres() {
      return postgres;
    },
    get databases() {
      return databases;
    },
    async open(url: string, clock = new SimulatedClock()): Promise<PostgresStore> {
      const store = await openPostgresStore({ url, clock });
      opened.push(store);
      return store;
    },
  };
}
