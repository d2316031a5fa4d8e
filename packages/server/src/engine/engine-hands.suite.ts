import type { Assignment, WorkflowDefinition } from '@millrace/protocol';
import { expect, test, vi } from 'vitest';
import { ada, done, mill, type Rig } from './engine.rig.ts';
import { type OpenStore, servers } from './engine-factory.suite.ts';

export const job = (name: string, more: object = {}): WorkflowDefinition => ({
  name,
  nodes: [{ id: name, task: name, ...more }],
});

/** A claim that has looked into the queue and waits. */
export async function waiting(world: Rig, limit = 10): Promise<{ got: Promise<Assignment[]> }> {
  const looks = vi.spyOn(world.store, 'claimable');
  const got = world.engine.claim(mill, { worker: 'w', limit, wait: 60_000 });
  await vi.waitFor(() => expect(looks.mock.settledResults.map(({ type }) => type)).not.toContain('incomplete'));
  await new Promise((resolve) => setImmediate(resolve));
  return { got };
}

export const create = (world: Rig, workflow: string, options?: object): Promise<string> =>
  world.engine.create(ada, { workflow, ...(options ? { options } : {}) }).then(({ id }) => id);

/** What starts in the transaction that queues it. */
export function engineHandsSuite(open: OpenStore): void {
  const { rig } = servers(open);

  test('[ENG-75] a node that is queued while a worker waits for such starts in the transaction that queues it', async () => {
    const world = await rig();
    const commits = vi.spyOn(world.store, 'commit');
    await world.worker(
      'w',
      ['a', 'b'],
      [
        {
          name: 'ab',
          nodes: [
            { id: 'a', task: 'a' },
            { id: 'b', task: 'b', needs: ['a'] },
          ],
        },
      ],
    );
    const { got } = await waiting(world);
    const run = await create(world, 'ab');
    expect(commits).toHaveBeenCalledTimes(1);
    const [first] = await got;
    expect(first).toMatchObject({ run, node: 'a', attempt: 1 });
    const { got: next } = await waiting(world);
    await world.append(first!, done(1));
    expect(commits).toHaveBeenCalledTimes(2);
    expect(commits.mock.calls.flatMap(([{ parts }]) => parts).some(({ enqueue }) => enqueue !== undefined)).toBe(false);
    expect(await next).toMatchObject([{ run, node: 'b', input: { a: 1 } }]);
    expect(await world.types(run)).toEqual(['run.created', 'node.started a', 'node.completed a', 'node.started b']);
  });

  test('[ENG-76] the waiting worker gets what has the highest priority, as many as it asked for; the others are queued', async () => {
    const world = await rig();
    await world.worker('w', ['t'], [job('t')]);
    const { got } = await waiting(world, 2);
    const runs = await Promise.all([1, 5, 3].map((priority) => create(world, 't', { priority })));
    expect((await got).map(({ run }) => run).sort()).toEqual([runs[1], runs[2]].sort());
    expect(await world.claim('w')).toMatchObject([{ run: runs[0] }]);
  });

  test('[ENG-77] nothing overtakes what stands in the queue', async () => {
    const world = await rig();
    await world.worker('w', ['t'], [job('t')]);
    const first = await create(world, 't');
    const got = world.engine.claim(mill, { worker: 'w', limit: 1, wait: 60_000 });
    const second = create(world, 't');
    expect(await got).toMatchObject([{ run: first }]);
    expect(await world.claim('w')).toMatchObject([{ run: await second }]);
  });

  test('[ENG-78] a worker gets only what it takes: its tasks, their versions, its queues; delays, slots and rates hold', async () => {
    const world = await rig();
    const limited = [
      job('slots', { concurrency: { key: 'k', limit: 1 } }),
      job('rate', { rate: { key: 'r', limit: 1, per: 1_000 } }),
    ];
    await world.worker('all', ['t', 'u', 'slots', 'rate'], [job('t'), job('u'), ...limited]);
    await world.engine.register(
      mill,
      {
        id: 'w',
        tasks: ['t', 'slots', 'rate'].map((name) => ({ name })),
        workflows: [],
        concurrency: 10,
        queues: ['default'],
      },
      { boot: '' },
    );
    const { got } = await waiting(world);
    await create(world, 'u');
    await create(world, 't', { queue: 'other' });
    await create(world, 't', { delayUntil: world.clock.now() + 5_000 });
    const slots = await Promise.all([create(world, 'slots'), create(world, 'slots')]);
    expect(await got).toMatchObject([{ run: slots[0] }]);
    const { got: next } = await waiting(world);
    const rates = await Promise.all([create(world, 'rate'), create(world, 'rate')]);
    expect(await next).toMatchObject([{ run: rates[0] }]);
  });
}
