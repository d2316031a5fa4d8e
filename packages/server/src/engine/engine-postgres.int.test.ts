import { afterAll, beforeAll, describe } from 'vitest';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import type { SimulatedClock } from '../clock.ts';
import { PostgresDatabases } from '../store/postgres.rig.ts';
import { engineSuite } from './engine.suite.ts';
import { engineManyServersSuite } from './engine-many-servers.suite.ts';
import { engineModelSuite } from './engine-model.suite.ts';

let postgres: PostgresProcess;
let databases: PostgresDatabases;
beforeAll(async () => {
  postgres = await PostgresProcess.start();
  databases = new PostgresDatabases(postgres);
});
afterAll(() => postgres.remove());

const open = (clock: SimulatedClock) => databases.emptied(clock);

engineSuite('Postgres', open);
describe('the engine on Postgres', () => {
  engineModelSuite(open, 10);
  engineManyServersSuite(open, ({ clock }) => databases.beside(clock));
});
