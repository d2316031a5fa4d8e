import { SimulatedClock } from '../clock.ts';
import { storeSuite } from './store.suite.ts';
import { MemoryStore } from './store-memory.ts';
import { storeModelSuite } from './store-model.suite.ts';
import { openSqliteStore } from './store-sqlite.ts';

const inMemory = () => openSqliteStore({ folder: ':memory:', clock: new SimulatedClock() });

const settling = (late: number) => () => openSqliteStore({ folder: ':memory:', clock: new SimulatedClock(), late });

storeSuite('the SQLite store', inMemory);
storeSuite('the SQLite store that settles at every commit', settling(0));
storeModelSuite('the SQLite store', () => new MemoryStore('0k3v9x2aa00000000'), inMemory);
storeModelSuite(
  'the SQLite store that settles at every commit',
  () => new MemoryStore('0k3v9x2aa00000000'),
  settling(0),
  60,
);
storeModelSuite(
  'the SQLite store that settles now and then',
  () => new MemoryStore('0k3v9x2aa00000000'),
  settling(4_000),
  60,
);
