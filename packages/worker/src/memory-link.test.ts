import { systemClock } from './clock.ts';
import { linkSuite } from './link.suite.ts';
import { MemoryEngine } from './memory-engine.suite.ts';

linkSuite('memory', async () => new MemoryEngine(systemClock));
