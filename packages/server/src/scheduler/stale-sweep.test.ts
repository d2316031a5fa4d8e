import { afterEach, expect, test } from 'vitest';
import { ada } from '../engine/engine.rig.ts';
import { StaleSweep } from './stale-sweep.ts';
import { job, SweepRig } from './sweep.rig.ts';
import { DAY } from './sweep-options.ts';

const rigs: SweepRig[] = [];
async function rig(): Promise<SweepRig> {
  const made = new SweepRig();
  rigs.push(made);
  await made.worker('w', ['t'], [job]);
  return made;
}
afterEach(async () => {
  for (const made of rigs.splice(0)) await made.engine.stop();
});

const create = async (world: SweepRig, options = {}): Promise<string> =>
  (await world.engine.create(ada, { workflow: 'job', options })).id;

test('[SCH-6] a run that nobody claimed for a day is cancelled as stale, and nobody can claim it any more', async () => {
  const world = await rig();
  const run = await create(world);
  const sweep = new StaleSweep(world.parts, world.options());
  world.clock.advance(DAY - 1);
  await world.round(sweep);
  expect((await world.control(run)).status).toBe('created');
  world.clock.advance(1);
  await world.round(sweep);
  expect((await world.log(run)).at(-1)).toMatchObject({
    type: 'run.cancelled',
    by: 'system',
    data: { reason: 'stale' },
  });
  expect(await world.claim('w')).toEqual([]);
});

test('[SCH-4] a claimed run is not stale, and the age of a delayed one counts from when it was due', async () => {
  const world = await rig();
  const claimed = await create(world);
  await world.claim('w');
  const delayed = await create(world, { delayUntil: world.clock.now() + 10 * DAY });
  const sweep = new StaleSweep(world.parts, world.options());
  world.clock.advance(11 * DAY - 1);
  await world.round(sweep);
  expect((await world.control(claimed)).status).toBe('running');
  expect((await world.control(delayed)).status).toBe('created');
  world.clock.advance(1);
  await world.round(sweep);
  expect((await world.control(claimed)).status).toBe('running');
  expect((await world.control(delayed)).status).toBe('cancelled');
});

test('[SCH-6] hundreds of delayed runs do not hide a stale one behind them', async () => {
  const world = await rig();
  const delayUntil = world.clock.now() + 100 * DAY;
  for (let n = 0; n < 250; n += 1) await create(world, { delayUntil });
  world.clock.advance(1);
  const stale = await create(world);
  world.clock.advance(DAY);
  const sweep = new StaleSweep(world.parts, world.options());
  await world.round(sweep);
  expect((await world.control(stale)).status).toBe('cancelled');
  expect((await world.store.silentRuns({ status: ['created'], before: world.clock.now(), limit: 999 })).length).toBe(
    250,
  );
});
