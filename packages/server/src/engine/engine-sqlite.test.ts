import { describe } from 'vitest';
import type { SimulatedClock } from '../clock.ts';
import { openSqliteStore } from '../store/store-sqlite.ts';
import { engineSuite } from './engine.suite.ts';
import { engineModelSuite } from './engine-model.suite.ts';

const open = (clock: SimulatedClock) => openSqliteStore({ folder: ':memory:', clock });

engineSuite('the SQLite store', open);
describe('the engine on the SQLite store', () => engineModelSuite(open, 25));
