import { describe } from 'vitest';
import { MemoryStore } from '../store/store-memory.ts';
import { engineSuite } from './engine.suite.ts';
import { engineManyServersSuite } from './engine-many-servers.suite.ts';
import { engineModelSuite } from './engine-model.suite.ts';

const open = () => new MemoryStore('e');

/** Several servers may have it, as they have a database. */
class SharedStore extends MemoryStore {
  override readonly capabilities = { durable: false, shared: true };
}

engineSuite('the memory store', open);
describe('the engine on the memory store', () => {
  engineModelSuite(open, 60);
  engineManyServersSuite(
    () => new SharedStore('e'),
    ({ store }) => store,
  );
});
