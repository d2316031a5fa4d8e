import { hubSuite } from './hub.suite.ts';
import { LogWriter } from './log-writer.suite.ts';

hubSuite('the memory store', () => new LogWriter(), 40);
