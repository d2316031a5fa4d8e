import { LocalBus } from '../bus/bus-local.ts';
import { SimulatedClock } from '../clock.ts';
import { openSqliteStore } from '../store/store-sqlite.ts';
import { hubSuite } from './hub.suite.ts';
import { LogWriter } from './log-writer.suite.ts';

hubSuite(
  'the SQLite store',
  () => {
    const clock = new SimulatedClock();
    return new LogWriter(openSqliteStore({ folder: ':memory:', clock }), new LocalBus(), clock);
  },
  40,
);
