import { expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { ada } from '../engine/engine.rig.ts';
import { openSqliteStore } from '../store/store-sqlite.ts';
import { Compaction } from './compaction.ts';
import { key, log, SweepRig } from './sweep.rig.ts';

const everything = { events: 100_000, bytes: 100_000_000 };

test('[SCH-15] what is old of a long log is compressed piece by piece, and reads as before', async () => {
  const store = openSqliteStore({ folder: ':memory:', clock: new SimulatedClock(), late: 0 });
  const world = new SweepRig(store);
  const { id: run } = await world.engine.create(ada, { workflow: 'agent', external: true });
  for (let n = 0; n < 120; n++) await world.engine.append(ada, run, { events: Array.from({ length: 300 }, () => log) });
  const before = await store.readLog(key(run), 0, everything);
  expect(before?.text.length).toBeGreaterThan(3_000_000);
  expect(await world.round(new Compaction(world.parts))).toBeGreaterThan(2);
  expect(await store.compact()).toBe(false);
  expect(await store.readLog(key(run), 0, everything)).toEqual(before);
  await world.engine.stop();
  await store.close();
});
