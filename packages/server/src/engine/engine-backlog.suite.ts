import type { Assignment } from '@millrace/protocol';
import { expect, test, vi } from 'vitest';
import { done, mill, type Rig } from './engine.rig.ts';
import { type OpenStore, servers } from './engine-factory.suite.ts';
import { create, job } from './engine-hands.suite.ts';

const end = (world: Rig, attempts: readonly Assignment[]) =>
  Promise.all(attempts.map((one) => world.append(one, done())));

const runsOf = (attempts: readonly Assignment[]) => attempts.map(({ run }) => run);

/** Runs of the workflow `t`, one after the other, that no worker waits for. */
export async function backlog(world: Rig, priorities: readonly number[]): Promise<string[]> {
  const runs: string[] = [];
  for (const priority of priorities) runs.push(await create(world, 't', { priority }));
  return runs;
}

/** Claims and ends until a claim finds nothing; answers what was started, in order. */
export async function workOff(world: Rig, worker: string, limit: number): Promise<string[]> {
  const started: string[] = [];
  for (;;) {
    const attempts = await world.claim(worker, limit);
    if (attempts.length === 0) return started;
    started.push(...runsOf(attempts));
    await end(world, attempts);
  }
}

/** What the commits that end attempts find in the queue. */
export function engineBacklogSuite(open: OpenStore): void {
  const { rig } = servers(open);

  test('[ENG-82] a worker works off a backlog with one question to the store, by priority and in the order of queueing', async () => {
    const world = await rig();
    await world.worker('w', ['t'], [job('t')]);
    const priorities = Array.from({ length: 23 }, (_, n) => n % 3);
    const runs = await backlog(world, priorities);
    const looks = vi.spyOn(world.store, 'claimable');
    const commits = vi.spyOn(world.store, 'commit');
    const started: string[] = [];
    while (started.length < runs.length) {
      const attempts = await world.engine.claim(mill, { worker: 'w', limit: 5, wait: 60_000 });
      started.push(...runsOf(attempts));
      await end(world, attempts);
    }
    expect(started).toEqual([2, 1, 0].flatMap((priority) => runs.filter((_, n) => priorities[n] === priority)));
    expect(looks).toHaveBeenCalledTimes(1);
    expect(commits).toHaveBeenCalledTimes(2 * Math.ceil(runs.length / 5));
    // The last look found less than it was to: the worker waits, and what is queued now starts at once.
    const got = world.engine.claim(mill, { worker: 'w', limit: 5, wait: 60_000 });
    const run = await create(world, 't');
    expect(await got).toMatchObject([{ run }]);
    expect(looks).toHaveBeenCalledTimes(1);
    expect(commits).toHaveBeenCalledTimes(2 * Math.ceil(runs.length / 5) + 1);
  });

  test('[ENG-83] where a worker found less than it asked for, no commit asks for it', async () => {
    const world = await rig();
    await world.worker('w', ['t'], [job('t')]);
    await backlog(world, [0, 0, 0]);
    const commits = vi.spyOn(world.store, 'commit');
    const attempts = await world.claim('w', 4);
    await end(world, attempts);
    expect(attempts).toHaveLength(3);
    expect(commits.mock.calls.filter(([batch]) => batch.asks)).toEqual([]);
  });

  test('[ENG-84] workers that share a backlog start each node once, in order, and none is left', async () => {
    const world = await rig();
    for (const worker of ['v', 'w']) await world.worker(worker, ['t'], [job('t')]);
    const runs = await backlog(world, Array(20).fill(0));
    const looks = vi.spyOn(world.store, 'claimable');
    const [v, w] = await Promise.all([workOff(world, 'v', 2), workOff(world, 'w', 3)]);
    expect(v).toEqual([...v].sort());
    expect(w).toEqual([...w].sort());
    expect([...v, ...w].sort()).toEqual(runs);
    expect(looks.mock.calls.length).toBeLessThan(8);
  });

  test('[ENG-85] what was found for a worker that does not come for it is left to the others', async () => {
    const world = await rig();
    for (const worker of ['gone', 'w']) await world.worker(worker, ['t'], [job('t')]);
    const runs = await backlog(world, Array(8).fill(0));
    const kept = async (count: number) => {
      const attempts = await world.claim('gone', count);
      await end(world, attempts);
      return runsOf(attempts);
    };
    expect(await kept(2)).toEqual(runs.slice(0, 2));
    // The next two are kept for it for a while; whoever needs all that there is gets them at once.
    expect(runsOf(await world.claim('w', 2))).toEqual(runs.slice(4, 6));
    world.clock.advance(301);
    expect(runsOf(await world.claim('w', 1))).toEqual(runs.slice(2, 3));
    expect(await kept(1)).toEqual(runs.slice(3, 4));
    expect(runsOf(await world.claim('w', 9))).toEqual(runs.slice(6, 8));
    expect(await world.claim('gone', 9)).toEqual([]);
  });
}
