import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import { ada, type Rig } from './engine.rig.ts';
import { type OpenStore, scheduled } from './engine-factory.suite.ts';

const failed: NewEvent = { type: 'node.failed', data: { error: { code: 'task_failed', message: 'no' } } };

async function start(world: Rig, ...definitions: [WorkflowDefinition, ...WorkflowDefinition[]]): Promise<string> {
  await world.worker('w', ['t'], definitions);
  return (await world.engine.create(ada, { workflow: definitions[0].name, input: [1, 2, 3] })).id;
}

/** Works on everything that can be claimed until the run has ended; `fails` fails. Answers the nodes that ran, sorted. */
async function work(world: Rig, run: string, fails: (node: string) => boolean = () => false): Promise<string[]> {
  const did: string[] = [];
  await until(async () => {
    for (const one of await world.claim('w')) {
      did.push(one.node);
      const end: NewEvent = { type: 'node.completed', data: { output: one.node.toUpperCase() } };
      await world.append(one, fails(one.node) ? failed : end).catch(() => undefined);
    }
    expect((await world.store.runRow({ tenant: 'default', run }))?.ended).toBe(true);
  });
  return did.sort();
}

export function engineDescentSuite(open: OpenStore): void {
  const rig = scheduled(open);

  test('[ENG-65] a sub-workflow that failed is started again, as a new child', async () => {
    const world = await rig();
    const child: WorkflowDefinition = { name: 'child', nodes: [{ id: 'c', task: 't' }] };
    const run = await start(
      world,
      {
        name: 'parent',
        nodes: [
          { id: 'a', task: 't' },
          { id: 's', workflow: 'child', needs: ['a'] },
        ],
      },
      child,
    );
    expect(await work(world, run, (node) => node === 'c')).toEqual(['a', 'c']);
    const { id } = await world.engine.retry(ada, run, { from: 'failed' });
    expect(await work(world, id)).toEqual(['c']);
    expect(await world.control(id)).toMatchObject({ status: 'completed', output: 'C' });
  });

  test('[ENG-65] items whose failure was tolerated run again, and what used them after them', async () => {
    const world = await rig();
    const run = await start(world, {
      name: 'each',
      nodes: [
        { id: 'f', task: 't', forEach: '{% input %}', onError: 'continue' },
        { id: 'z', task: 't', needs: ['f'] },
      ],
    });
    expect(await work(world, run, (node) => node === 'f[1]')).toEqual(['f[0]', 'f[1]', 'f[2]', 'z']);
    const { id } = await world.engine.retry(ada, run, { from: 'failed' });
    expect(await work(world, id)).toEqual(['f[1]', 'z']);
  });

  test('[ENG-66] what a released join has lost is not run by a retry', async () => {
    const world = await rig();
    const run = await start(world, {
      name: 'any',
      nodes: [
        { id: 'a', task: 't' },
        { id: 'b', task: 't', needs: ['a'] },
        { id: 'c', task: 't', needs: ['a'] },
        { id: 'j', task: 't', needs: ['b', 'c'], join: 'any' },
        { id: 'z', task: 't', needs: ['j'] },
      ],
    });
    expect(await work(world, run, (node) => node === 'z')).toEqual(['a', 'b', 'c', 'j', 'z']);
    const { id } = await world.engine.retry(ada, run, { from: 'failed' });
    expect(await work(world, id)).toEqual(['z']);
    expect((await world.control(id)).nodes.c).toMatchObject({ status: 'cancelled', reason: 'join_lost' });
  });

  test("[ENG-69] a retried run leaves no row behind, and its ancestor's large values stay where they are", async () => {
    const world = await rig();
    await world.worker(
      'w',
      ['t'],
      [
        {
          name: 'big',
          nodes: [
            { id: 'a', task: 't' },
            { id: 'b', task: 't', needs: ['a'], input: { from: '{% needs.a %}' } },
          ],
        },
      ],
    );
    const run = (await world.engine.create(ada, { workflow: 'big' })).id;
    const [a] = await world.claim('w');
    const large = 'x'.repeat(100_000);
    await world.append(a!, { type: 'node.completed', data: { output: large } });
    await work(world, run, (node) => node === 'b');
    const { id } = await world.engine.retry(ada, run, { from: 'failed' });
    const before = (await world.control(run)).nodes.a?.output;
    expect(before).toMatchObject({ $blob: expect.any(String) });
    expect((await world.control(id)).nodes.a?.output).toEqual(before);
    const [b] = await until(async () => {
      const claimed = await world.claim('w');
      expect(claimed).toHaveLength(1);
      return claimed;
    });
    expect(b).toMatchObject({ run: id, input: { from: large } });
    await world.append(b!, { type: 'node.completed', data: {} });
    await until(async () => expect(await world.store.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([]));
    expect(await world.store.leases({ limit: 10 })).toEqual([]);
  });
}
