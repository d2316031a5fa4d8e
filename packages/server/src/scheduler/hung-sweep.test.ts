import type { Assignment } from '@millrace/protocol';
import { afterEach, expect, test } from 'vitest';
import { ada } from '../engine/engine.rig.ts';
import { HungSweep } from './hung-sweep.ts';
import { job, key, log, SweepRig } from './sweep.rig.ts';
import { MINUTE } from './sweep-options.ts';

const rigs: SweepRig[] = [];
function rig(): SweepRig {
  const made = new SweepRig();
  rigs.push(made);
  return made;
}
afterEach(async () => {
  for (const made of rigs.splice(0)) await made.engine.stop();
});

const HOUR = 60 * MINUTE;
const sweepOf = (world: SweepRig) => new HungSweep(world.parts, world.options());

async function claimed(world: SweepRig, nodes = job.nodes): Promise<{ run: string; attempts: Assignment[] }> {
  await world.worker('w', ['t'], [{ name: 'job', nodes }]);
  const { id: run } = await world.engine.create(ada, { workflow: 'job' });
  return { run, attempts: await world.claim('w') };
}

/** The worker lives, and renews. */
async function renewed(world: SweepRig, attempts: Assignment[]): Promise<void> {
  const held = attempts.map(({ run, node, attempt }) => ({ ...key(run), node, attempt }));
  await world.store.renewLeases('w', held, world.clock.now() + HOUR);
}

test('[SCH-3] an attempt without any event for an hour is lost as hung though its lease is renewed, and is tried again', async () => {
  const world = rig();
  const { run, attempts } = await claimed(world);
  const sweep = sweepOf(world);
  world.clock.advance(HOUR - 1);
  await renewed(world, attempts);
  await world.round(sweep);
  expect(await world.types(run)).toEqual(['run.created', 'node.started a']);
  world.clock.advance(1);
  await world.round(sweep);
  expect((await world.log(run)).at(-1)).toMatchObject({ type: 'attempt.lost', attempt: 1, data: { reason: 'hung' } });
  await expect(world.append(attempts[0]!, log)).rejects.toMatchObject({ code: 'stale_attempt' });
  expect(await world.claim('w')).toMatchObject([{ run, node: 'a', attempt: 2 }]);
});

test('[SCH-3] any event of an attempt is life, and that of another attempt of the same run is not', async () => {
  const world = rig();
  const { run, attempts } = await claimed(world, [
    { id: 'a', task: 't' },
    { id: 'b', task: 't' },
  ]);
  const sweep = sweepOf(world);
  const [a, b] = attempts;
  world.clock.advance(HOUR / 2);
  for (let n = 0; n < 1_500; n += 1) await world.append(b!, log);
  await world.append(a!, log);
  for (let n = 0; n < 1_500; n += 1) await world.append(b!, log);
  await renewed(world, attempts);
  world.clock.advance(HOUR - 1);
  await world.round(sweep);
  await world.append(b!, log);
  await world.round(sweep);
  expect((await world.types(run)).filter((type) => type.startsWith('attempt'))).toEqual([]);
  world.clock.advance(1);
  await world.round(sweep);
  expect((await world.types(run)).filter((type) => type.startsWith('attempt'))).toEqual(['attempt.lost a']);
});

test('[SCH-4] a paused run, one that waits and one that is delayed are not hung, however long it takes', async () => {
  const world = rig();
  const { run: paused } = await claimed(world);
  await world.engine.command(ada, paused, { type: 'pause' });
  const { run: waiting, attempts } = await claimed(world);
  await world.append(
    attempts[0]!,
    { type: 'approval.requested', data: { approvalId: 'a:ok', title: 'ok?' } },
    { type: 'node.waiting', data: { waits: ['a:ok'] } },
  );
  const delayUntil = world.clock.now() + 1_000 * HOUR;
  const { id: delayed } = await world.engine.create(ada, { workflow: 'job', options: { delayUntil } });
  const { id: asking } = await world.engine.create(ada, { workflow: 'etl', external: true });
  await world.engine.append(ada, asking, {
    events: [{ type: 'approval.requested', data: { approvalId: 'ok', title: 'ok?' } }],
  });
  const { id: resting } = await world.engine.create(ada, { workflow: 'etl', external: true });
  await world.engine.append(ada, resting, { events: [log] });
  await world.engine.command(ada, resting, { type: 'pause' });
  const runs = [paused, waiting, delayed, asking, resting];
  const before = await Promise.all(runs.map((run) => world.types(run)));
  world.clock.advance(100 * HOUR);
  await world.round(sweepOf(world));
  expect(await Promise.all(runs.map((run) => world.types(run)))).toEqual(before);
});

test('[SCH-5] a running external run that is silent for an hour fails with hung; one that tells something goes on', async () => {
  const world = rig();
  const sweep = sweepOf(world);
  const { id: silent } = await world.engine.create(ada, { workflow: 'etl', external: true });
  const { id: alive } = await world.engine.create(ada, { workflow: 'etl', external: true });
  for (const run of [silent, alive]) await world.engine.append(ada, run, { events: [log] });
  world.clock.advance(HOUR - 1);
  await world.engine.append(ada, alive, { events: [log] });
  await world.round(sweep);
  expect((await world.control(silent)).status).toBe('running');
  world.clock.advance(1);
  await world.round(sweep);
  expect(await world.control(silent)).toMatchObject({
    status: 'failed',
    error: { code: 'hung', message: 'Nothing was heard of the run for 60 minutes.' },
  });
  expect((await world.control(alive)).status).toBe('running');
});

test('[SCH-3] more runs than one piece of a round can hold are all looked at, and one that fails keeps none alive', async () => {
  const world = rig();
  await world.engine.register(
    { tenant: 'default', by: 'worker:mill' },
    { id: 'w', tasks: [{ name: 't' }], workflows: [job], concurrency: 500 },
    { boot: '' },
  );
  for (let n = 0; n < 120; n += 1) await world.engine.create(ada, { workflow: 'job' });
  const attempts = await world.claim('w', 200);
  expect(attempts).toHaveLength(120);
  const broken = attempts[0]!.run;
  const { parts } = world;
  const engine = Object.create(parts.engine, {
    hang: {
      value: (lease: { run: string }) =>
        lease.run === broken ? Promise.reject(new Error('newer_log')) : parts.engine.hang(lease as never),
    },
  });
  world.clock.advance(HOUR);
  await renewed(world, attempts);
  expect(await world.round(new HungSweep({ ...parts, engine }, world.options()))).toBe(3);
  expect(world.failures).toEqual(['hung']);
  expect(await world.claim('w', 200)).toHaveLength(119);
});
