import { afterEach, expect, test } from 'vitest';
import { ada } from '../engine/engine.rig.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { Retention } from './retention.ts';
import { job, key, SweepRig } from './sweep.rig.ts';
import { DAY } from './sweep-options.ts';

const rigs: SweepRig[] = [];
async function rig(store = new MemoryStore('e')): Promise<SweepRig> {
  const made = new SweepRig(store);
  rigs.push(made);
  await made.worker('w', ['t'], [job]);
  return made;
}
afterEach(async () => {
  for (const made of rigs.splice(0)) await made.engine.stop();
});

async function ended(world: SweepRig, outcome: 'completed' | 'failed' | 'cancelled'): Promise<string> {
  const { id: run } = await world.engine.create(ada, { workflow: 'job' });
  const [attempt] = await world.claim('w');
  if (outcome === 'cancelled') {
    await world.append(attempt!, { type: 'node.parked', data: { reason: 'draining' } });
    await world.engine.command(ada, run, { type: 'cancel' });
  } else if (outcome === 'failed') {
    await world.append(attempt!, { type: 'node.failed', data: { error: { code: 'task_failed', message: 'no' } } });
  } else await world.append(attempt!, { type: 'node.completed', data: { output: null } });
  expect((await world.control(run)).status).toBe(outcome);
  return run;
}
const exists = async (world: SweepRig, run: string) => (await world.store.runRow(key(run))) !== undefined;

test('[SCH-7] an ended run is deleted whole when the days of its kind are over, 0 days keep for ever, and what has not ended stays', async () => {
  const world = await rig();
  const completed = await ended(world, 'completed');
  const failed = await ended(world, 'failed');
  const cancelled = await ended(world, 'cancelled');
  const { id: open } = await world.engine.create(ada, { workflow: 'job' });
  const retentionDays = { completed: 2, failed: 5, cancelled: 0 };
  const sweep = new Retention(world.parts, world.options({ retentionDays }));
  const left = async () => {
    await world.round(sweep);
    const there = await Promise.all([completed, failed, cancelled, open].map((run) => exists(world, run)));
    return there.map(Number).join('');
  };
  world.clock.advance(2 * DAY - 1);
  expect(await left()).toBe('1111');
  world.clock.advance(1);
  expect(await left()).toBe('0111');
  world.clock.advance(3 * DAY);
  expect(await left()).toBe('0011');
  world.clock.advance(1_000 * DAY);
  expect(await left()).toBe('0011');
  expect(await world.store.wasDeleted(key(completed))).toBe(true);
  expect(await world.engine.control(key(completed))).toBeUndefined();
});

test('[SCH-7] a legal hold wins over retention until it is taken back, and held runs do not hide those behind them', async () => {
  const world = await rig();
  const held: string[] = [];
  for (let n = 0; n < 45; n += 1) held.push(await ended(world, 'completed'));
  for (const run of held) await world.store.hold(key(run), true);
  world.clock.advance(1);
  const free: string[] = [];
  for (let n = 0; n < 45; n += 1) free.push(await ended(world, 'completed'));
  world.clock.advance(30 * DAY);
  const sweep = new Retention(world.parts, world.options());
  await world.round(sweep);
  for (const run of held) expect(await exists(world, run)).toBe(true);
  for (const run of free) expect(await exists(world, run)).toBe(false);
  await world.store.hold(key(held[0]!), false);
  await world.round(sweep);
  expect(await exists(world, held[0]!)).toBe(false);
});

test('[SCH-7] the room of deleted runs is given back once a round, and only after one that deleted something', async () => {
  let reclaimed = 0;
  class Counting extends MemoryStore {
    async reclaim(): Promise<void> {
      reclaimed += 1;
    }
  }
  const world = await rig(new Counting('e'));
  for (let n = 0; n < 45; n += 1) await ended(world, 'completed');
  const sweep = new Retention(world.parts, world.options());
  await world.round(sweep);
  expect(reclaimed).toBe(0);
  world.clock.advance(30 * DAY);
  expect(await world.round(sweep)).toBe(3);
  expect(reclaimed).toBe(1);
});
