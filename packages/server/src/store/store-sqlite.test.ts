import { SimulatedClock } from '../clock.ts';
import { storeSuite } from './store.suite.ts';
import { MemoryStore } from './store-memory.ts';
import { storeModelSuite } from './store-model.suite.ts';
import { openSqliteStore } from './store-sqlite.ts';

const inMemory = () => openSqliteStore({ folder: ':memory:', clock: new SimulatedClock() });

storeSuite('the SQLite store', inMemory);
storeModelSuite('the SQLite store', () => new MemoryStore('0k3v9x2aa00000000'), inMemory);
