import { afterAll, beforeAll } from 'vitest';
import { LocalBus } from '../bus/bus-local.ts';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { SimulatedClock } from '../clock.ts';
import { PostgresDatabases } from '../store/postgres.rig.ts';
import { hubSuite } from './hub.suite.ts';
import { LogWriter } from './log-writer.suite.ts';

let postgres: PostgresProcess;
let databases: PostgresDatabases;
beforeAll(async () => {
  postgres = await PostgresProcess.start();
  databases = new PostgresDatabases(postgres);
});
afterAll(() => postgres.remove());

hubSuite(
  'Postgres',
  async () => {
    const clock = new SimulatedClock();
    return new LogWriter(await databases.emptied(clock), new LocalBus(), clock);
  },
  10,
);
