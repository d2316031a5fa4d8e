import { storeSuite } from './store.suite.ts';
import { MemoryStore } from './store-memory.ts';

storeSuite('the memory store', () => new MemoryStore('0k3v9x2aa00000000'));
