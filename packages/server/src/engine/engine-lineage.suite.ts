import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import { ada, done, failed, type Rig } from './engine.rig.ts';
import { type OpenStore, servers } from './engine-factory.suite.ts';

const step = (name: string, output: unknown): NewEvent => ({
  type: 'step.completed',
  step: name,
  data: { name, output: output as never },
});

async function start(world: Rig, definition: WorkflowDefinition, input: unknown = null): Promise<string> {
  await world.worker('w', ['t'], [definition]);
  return (await world.engine.create(ada, { workflow: definition.name, input: input as never, tags: ['x'] })).id;
}

/** Works on everything that can be claimed; what `fails` names fails. Answers the nodes in order. */
async function work(world: Rig, run: string, fails: string[] = []): Promise<string[]> {
  const order: string[] = [];
  await until(async () => {
    for (const one of await world.claim('w')) {
      order.push(one.node);
      await world
        .append(one, ...(fails.includes(one.node) ? [failed()] : [done(one.node.toUpperCase())]))
        .catch(() => undefined);
    }
    expect((await world.store.runRow({ tenant: 'default', run }))?.ended).toBe(true);
  });
  return order;
}

const diamond: WorkflowDefinition = {
  name: 'diamond',
  nodes: [
    { id: 'a', task: 't' },
    { id: 'b', task: 't', needs: ['a'] },
    { id: 'c', task: 't', needs: ['b'] },
    { id: 'd', task: 't', needs: ['b', 'c'] },
  ],
};

export function engineLineageSuite(open: OpenStore): void {
  const { rig } = servers(open);

  test('[ENG-60] a retry from what failed is a new run that inherits every result before it, and does only the rest', async () => {
    const world = await rig();
    const run = await start(world, diamond, { q: 1 });
    expect(await work(world, run, ['c'])).toEqual(['a', 'b', 'c']);
    const { id } = await world.engine.retry(ada, run, { from: 'failed' });
    const log = await world.log(id);
    expect(log[0]).toMatchObject({
      type: 'run.created',
      data: { lineage: { retryOf: { run } }, input: { q: 1 }, tags: ['x'] },
    });
    expect(log.slice(1).map((event) => [event.type, event.node])).toEqual([
      ['node.completed', 'a'],
      ['node.completed', 'b'],
    ]);
    expect(log[1]?.data).toMatchObject({ output: 'A', reused: { run, seq: 3 } });
    expect(await work(world, id)).toEqual(['c', 'd']);
    expect(await world.control(id)).toMatchObject({
      status: 'completed',
      output: 'D',
      counts: { completed: 4, pending: 0 },
    });
  });

  test('[ENG-61] a retry from its start may have another input; a retry from a node does that and what follows', async () => {
    const world = await rig();
    const run = await start(world, diamond, { q: 1 });
    await work(world, run);
    const again = await world.engine.retry(ada, run, { from: 'start', input: { q: 2 } });
    expect((await world.control(again.id)).input).toEqual({ q: 2 });
    expect(await work(world, again.id)).toEqual(['a', 'b', 'c', 'd']);
    const part = await world.engine.retry(ada, run, { from: { node: 'c' } });
    expect(await work(world, part.id)).toEqual(['c', 'd']);
    await expect(world.engine.retry(ada, run, { from: 'failed' })).rejects.toMatchObject({
      code: 'invalid_transition',
    });
    await expect(world.engine.retry(ada, run, { from: { node: 'z' } })).rejects.toMatchObject({
      code: 'node_not_found',
    });
  });

  test('[ENG-62] a retry from a step inherits the steps, answers and checkpoints before it', async () => {
    const world = await rig();
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    await world.append(a!, step('one', 1));
    await world.append(a!, { type: 'approval.requested', data: { approvalId: 'a:ok', title: 'OK?' } });
    await world.engine.command(ada, run, { type: 'approve', approvalId: 'a:ok', decision: 'approved', comment: 'yes' });
    await world.append(
      a!,
      { type: 'checkpoint.saved', data: { key: 'k', state: 5 } },
      step('two', 2),
      step('three', 3),
      done(),
    );
    const { id } = await world.engine.retry(ada, run, { from: { node: 'a', step: 'two' } });
    const [again] = await world.claim('w');
    expect(again).toMatchObject({
      run: id,
      journal: {
        steps: { one: { output: 1, reused: { run } } },
        waits: { 'a:ok': { status: 'answered', approval: { decision: 'approved', comment: 'yes' } } },
      },
    });
    expect(Object.keys(again!.journal.steps)).toEqual(['one']);
    expect(Object.keys(again!.journal.checkpoints)).toEqual(['k']);
  });

  test('[ENG-63] finished items of a forEach are inherited; only the others run again', async () => {
    const world = await rig();
    const run = await start(
      world,
      {
        name: 'each',
        nodes: [
          { id: 'x', task: 't', forEach: '{% input %}' },
          { id: 'y', task: 't', needs: ['x'] },
        ],
      },
      [1, 2, 3],
    );
    const items = await until(async () => {
      const claimed = await world.claim('w');
      expect(claimed).toHaveLength(3);
      return claimed;
    });
    await world.append(items[0]!, done('first'));
    await world.append(items[1]!, failed());
    await expect(world.append(items[2]!, done())).rejects.toMatchObject({ code: 'stale_attempt' });
    const { id } = await world.engine.retry(ada, run, { from: 'failed' });
    expect(await work(world, id)).toEqual(['x[1]', 'x[2]', 'y']);
    expect((await world.control(id)).nodes['x[0]']).toMatchObject({
      status: 'completed',
      output: 'first',
      reused: { run },
    });
  });

  test('[ENG-64] a fork goes on from the state at a seq, also of a run that is still going; open waits are asked again', async () => {
    const world = await rig();
    const run = await start(world, diamond);
    const [a] = await world.claim('w');
    await world.append(a!, done('A'));
    const at = (await world.log(run)).length;
    const [b] = await world.claim('w');
    await world.append(b!, done('B'));
    const { id } = await world.engine.fork(ada, run, { seq: at });
    expect((await world.log(id)).map((event) => event.type)).toEqual(['run.created', 'node.completed']);
    expect((await world.control(id)).lineage).toEqual({ forkOf: { run, seq: at } });
    await expect(world.engine.fork(ada, run, { seq: 999 })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(world.engine.retry(ada, run, { from: 'start' })).rejects.toMatchObject({
      code: 'invalid_transition',
      facts: { from: 'running' },
    });
    const once = await world.engine.fork(ada, run, { seq: at }, 'k');
    expect((await world.engine.fork(ada, run, { seq: at }, 'k')).id).toBe(once.id);
  });

  test('[ENG-71] a retry more than seven days after the end has no checkpoints any more, and says so', async () => {
    const world = await rig();
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    await world.append(a!, step('one', 1), { type: 'checkpoint.saved', data: { key: 'k', state: 5 } }, failed());
    world.clock.advance(8 * 24 * 60 * 60_000);
    const { id } = await world.engine.retry(ada, run, { from: 'failed' });
    expect((await world.log(id)).slice(1).map((event) => event.type)).toEqual(['step.completed', 'error']);
    expect((await world.log(id)).at(-1)?.data).toMatchObject({ code: 'checkpoint_expired' });
  });
}
