import { afterEach, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { readConfig } from '../config.ts';
import { ada, Rig } from '../engine/engine.rig.ts';
import { noMetrics } from '../metrics/metrics.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { Scheduler } from './scheduler.ts';
import { job, key, stepUntil } from './sweep.rig.ts';
import { DAY, defaultSweeps, MINUTE, type SweepOptions } from './sweep-options.ts';

const rigs: Rig[] = [];
const schedulers: Scheduler[] = [];
afterEach(async () => {
  await Promise.all([...schedulers.splice(0), ...rigs.map((made) => made.scheduler)].map((one) => one.stop()));
  for (const made of rigs.splice(0)) await made.engine.stop();
});

function servers(count: number): [Rig, ...Rig[]] {
  const store = new MemoryStore('e');
  const clock = new SimulatedClock();
  const made = Array.from({ length: count }, (_, n) => new Rig(store, { clock, boot: `boot-${n}` }));
  rigs.push(...made);
  return made as [Rig, ...Rig[]];
}

/** A scheduler with other options than the rig's own. */
function scheduler({ store, engine, clock, boot }: Rig, sweeps: Partial<SweepOptions>): Scheduler {
  const made = new Scheduler({ store, engine, clock, metrics: noMetrics, boot, lease: 6_000, sweeps });
  schedulers.push(made);
  made.start();
  return made;
}

test('[SCH-8] the options have seed 004 names and defaults, and the server reads them from its configuration', () => {
  expect(defaultSweeps).toEqual({
    staleJobMaxAgeMins: 1_440,
    activeJobTimeoutMins: 60,
    checkIntervalSecs: 300,
    enableAutoCleanup: true,
    enableAutoRecovery: true,
    retentionDays: { completed: 30, failed: 30, cancelled: 30 },
  });
  expect(readConfig({}).scheduler).toEqual(defaultSweeps);
});

test('[SCH-8] every check interval the sweeps run, and not before the first one is over', async () => {
  const [world] = servers(1);
  await world.worker('w', ['t'], [job]);
  const { id: run } = await world.engine.create(ada, { workflow: 'job' });
  world.clock.advance(2 * DAY);
  world.scheduler.start();
  await stepUntil(world.clock, 60_000, async () => expect((await world.control(run)).status).toBe('cancelled'));
  const ended = (await world.log(run)).at(-1)?.at as number;
  const { createdAt } = await world.control(run);
  expect(ended - createdAt).toBe(2 * DAY + 5 * MINUTE);
  await stepUntil(world.clock, DAY, async () => expect(await world.store.runRow(key(run))).toBeUndefined());
});

test.each([
  ['enableAutoCleanup', { enableAutoCleanup: false }, 'created', 'failed'],
  ['enableAutoRecovery', { enableAutoRecovery: false }, 'cancelled', 'running'],
] as const)('[SCH-8] %s can be switched off alone', async (_name, off, unclaimed, hung) => {
  const [world] = servers(1);
  const { id: stale } = await world.engine.create(ada, { workflow: 'j', nodes: job.nodes });
  const { id: silent } = await world.engine.create(ada, { workflow: 'etl', external: true });
  await world.engine.append(ada, silent, { events: [{ type: 'log', data: { level: 'info', message: 'x' } }] });
  scheduler(world, { staleJobMaxAgeMins: 10, activeJobTimeoutMins: 10, checkIntervalSecs: 1, ...off });
  const [seen, waited] = unclaimed === 'created' ? [silent, hung] : [stale, unclaimed];
  await stepUntil(world.clock, 1_000, async () => expect((await world.control(seen)).status).toBe(waited));
  world.clock.advance(MINUTE);
  await stepUntil(world.clock, 1_000, async () =>
    expect([(await world.control(stale)).status, (await world.control(silent)).status]).toEqual([unclaimed, hung]),
  );
});

test('[SCH-2] three servers over one store: each timer is carried out once and each lost lease ends once', async () => {
  const made = servers(3);
  const [world] = made;
  for (const one of made) one.scheduler.start();
  await world.worker('w', ['t'], [{ name: 'sleepy', nodes: [{ id: 'a', task: 't' }] }]);
  const runs: string[] = [];
  for (let n = 0; n < 20; n += 1) runs.push((await world.engine.create(ada, { workflow: 'sleepy' })).id);
  const attempts = [...(await world.claim('w')), ...(await world.claim('w'))];
  expect(attempts).toHaveLength(20);
  const sleepers = attempts.slice(0, 10);
  for (const attempt of sleepers) {
    await world.append(
      attempt,
      { type: 'sleep.started', data: { sleepId: 'a:nap', until: world.clock.now() + 3_000 } },
      { type: 'node.waiting', data: { waits: ['a:nap'] } },
    );
  }
  await stepUntil(world.clock, 500, async () => {
    for (const { run } of attempts) {
      const types = await world.types(run);
      const woken = types.filter((type) => type === 'sleep.ended a' || type === 'sleep.ended');
      const lost = types.filter((type) => type === 'attempt.lost a');
      const sleeper = sleepers.some((one) => one.run === run);
      expect([woken.length, lost.length]).toEqual(sleeper ? [1, 0] : [0, 1]);
    }
  });
  for (const one of made)
    for (const run of runs)
      expect((await one.engine.control(key(run)))?.control.nodes.a?.lost).toBe(
        sleepers.some((attempt) => attempt.run === run) ? 0 : 1,
      );
});

test('[SCH-2] three servers sweep one store: a hung attempt is lost once, a stale run ends once, an old one is deleted', async () => {
  const made = servers(3);
  const [world] = made;
  await world.worker('w', ['t'], [job]);
  const { id: hung } = await world.engine.create(ada, { workflow: 'job' });
  const [attempt] = await world.claim('w');
  const { id: stale } = await world.engine.create(ada, { workflow: 'other', nodes: [{ id: 'x', task: 'nobody' }] });
  await world.store.renewLeases('w', [{ ...key(hung), node: 'a', attempt: 1 }], world.clock.now() + DAY);
  for (const one of made) scheduler(one, { staleJobMaxAgeMins: 10, activeJobTimeoutMins: 5, checkIntervalSecs: 10 });
  await stepUntil(world.clock, 5_000, async () => {
    expect(await world.types(hung)).toEqual(['run.created', 'node.started a', 'attempt.lost a']);
    expect(await world.types(stale)).toEqual(['run.created', 'run.cancelled']);
  });
  await expect(world.append(attempt!, { type: 'node.completed', data: {} })).rejects.toMatchObject({
    code: 'stale_attempt',
  });
  await stepUntil(world.clock, DAY, async () => expect(await world.store.runRow(key(stale))).toBeUndefined());
});
