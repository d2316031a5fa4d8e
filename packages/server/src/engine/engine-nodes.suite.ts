import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import { ada, done, failed, mill, type Rig, startWith as start } from './engine.rig.ts';
import { type OpenStore, servers } from './engine-factory.suite.ts';

const hello: WorkflowDefinition = { name: 'hello', nodes: [{ id: 'hello', task: 'hello' }] };

/** Claims and completes everything with `output(node)` until nothing is left to claim. */
async function work(world: Rig, output: (node: string, input: unknown) => unknown = (node) => node): Promise<string[]> {
  const order: string[] = [];
  for (;;) {
    const claimed = await until(async () => world.claim('w'));
    if (claimed.length === 0) return order;
    for (const one of claimed) {
      order.push(one.node);
      await world.append(one, done(output(one.node, one.input)));
    }
  }
}

export function engineNodesSuite(open: OpenStore): void {
  const { rig } = servers(open);

  test('[ENG-1] a one-node job writes four events', async () => {
    const world = await rig();
    const run = await start(world, hello, { name: 'Ada' });
    const [assignment] = await world.claim('w');
    expect(assignment).toMatchObject({
      run,
      node: 'hello',
      attempt: 1,
      task: 'hello',
      input: { name: 'Ada' },
      owner: 'ada',
    });
    await world.append(assignment!, done({ greeting: 'Hello Ada' }));
    expect(await world.types(run)).toEqual([
      'run.created',
      'node.started hello',
      'node.completed hello',
      'run.completed',
    ]);
    const control = await world.control(run);
    expect(control).toMatchObject({ status: 'completed', output: { greeting: 'Hello Ada' }, startedSeq: 2 });
  });

  test('[ENG-2] nodes start when their needs have ended, parents strictly before children, each once', async () => {
    const world = await rig();
    const run = await start(world, {
      name: 'diamond',
      nodes: [
        { id: 'a', task: 't' },
        { id: 'b', task: 't', needs: ['a'] },
        { id: 'c', task: 't', needs: ['a'] },
        { id: 'd', task: 't', needs: ['b', 'c'] },
      ],
    });
    const inputs: Record<string, unknown> = {};
    const order = await work(world, (node, input) => {
      inputs[node] = input;
      return node.toUpperCase();
    });
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    expect(inputs).toEqual({ a: null, b: { a: 'A' }, c: { a: 'A' }, d: { b: 'B', c: 'C' } });
    expect((await world.control(run)).output).toBe('D');
  });

  test('[ENG-3] when and input are JSONata, evaluated before the node is queued; a skipped need satisfies', async () => {
    const world = await rig();
    const run = await start(
      world,
      {
        name: 'cond',
        nodes: [
          { id: 'a', task: 't' },
          { id: 'b', task: 't', needs: ['a'], when: '{% input.deep %}' },
          { id: 'c', task: 't', needs: ['a', 'b'], input: { title: '{% needs.a.title %}', fixed: 1 } },
        ],
      },
      { deep: false },
    );
    const [a] = await world.claim('w');
    await world.append(a!, done({ title: 'T' }));
    const [c] = await until(async () => {
      const claimed = await world.claim('w');
      expect(claimed).toHaveLength(1);
      return claimed;
    });
    expect(c).toMatchObject({ node: 'c', input: { title: 'T', fixed: 1 } });
    await world.append(c!, done());
    expect(await world.control(run)).toMatchObject({
      status: 'completed',
      nodes: { b: { status: 'skipped' }, c: { status: 'completed' } },
    });
  });

  test('[ENG-4] forEach runs the task once for each item and answers the outputs in item order', async () => {
    const world = await rig();
    const run = await start(
      world,
      {
        name: 'each',
        nodes: [
          { id: 'x', task: 't', forEach: '{% input.items %}' },
          { id: 'y', task: 't', needs: ['x'] },
        ],
      },
      { items: [3, 1, 2] },
    );
    await until(async () => expect((await world.control(run)).nodes['x[2]']?.status).toBe('queued'));
    const items = await world.claim('w');
    expect(items.map(({ node, input, index }) => [node, input, index])).toEqual([
      ['x[0]', 3, 0],
      ['x[1]', 1, 1],
      ['x[2]', 2, 2],
    ]);
    for (const item of items.reverse()) await world.append(item, done((item.input as number) * 10));
    const [y] = await world.claim('w');
    expect(y).toMatchObject({ node: 'y', input: { x: [30, 10, 20] } });
    await world.append(y!, done());
    expect(await world.control(run)).toMatchObject({ status: 'completed', unleased: 0 });
  });

  test('[ENG-5] forEach of nothing completes at once', async () => {
    const world = await rig();
    const run = await start(world, { name: 'each', nodes: [{ id: 'x', task: 't', forEach: '{% input %}' }] }, []);
    await until(async () => expect(await world.control(run)).toMatchObject({ status: 'completed', output: [] }));
  });

  test('[ENG-6] a failed item fails the forEach and cancels the others; with onError continue it is one of the results', async () => {
    for (const onError of ['fail', 'continue'] as const) {
      const world = await rig();
      const run = await start(
        world,
        { name: 'each', nodes: [{ id: 'x', task: 't', forEach: '{% input %}', onError }] },
        [1, 2],
      );
      const items = await until(async () => {
        const claimed = await world.claim('w');
        expect(claimed).toHaveLength(2);
        return claimed;
      });
      await world.append(items[0]!, failed('first'));
      if (onError === 'continue') {
        await world.append(items[1]!, done('second'));
        expect(await world.control(run)).toMatchObject({
          status: 'completed',
          output: [
            { ok: false, error: { message: 'first' } },
            { ok: true, output: 'second' },
          ],
        });
      } else {
        await expect(world.append(items[1]!, done())).rejects.toMatchObject({ code: 'stale_attempt' });
        expect(await world.control(run)).toMatchObject({
          status: 'failed',
          nodes: { x: { status: 'failed' }, 'x[1]': { status: 'cancelled' } },
        });
      }
    }
  });

  test('[ENG-7] an expression that hangs or eats memory ends as expression_timeout or expression_memory', async () => {
    const world = await rig({ expressions: { timeout: 400, memory: 32 } });
    const run = await start(world, {
      name: 'hang',
      nodes: [{ id: 'x', task: 't', when: '{% $match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/) %}' }],
    });
    await until(async () => {
      world.clock.advance(100);
      expect(await world.control(run)).toMatchObject({
        status: 'failed',
        error: { code: 'expression_timeout', node: 'x' },
      });
    });
    const fat = (
      await world.engine.create(ada, {
        workflow: 'fat',
        nodes: [{ id: 'x', task: 't', when: '{% $count([1..9999999]) > 3 %}' }],
      })
    ).id;
    await until(async () =>
      expect(await world.control(fat)).toMatchObject({ status: 'failed', error: { code: 'expression_memory' } }),
    );
  }, 30_000);

  test("[ENG-17] an external run takes its producer's events once, in order, by the same tables", async () => {
    const world = await rig();
    const { id } = await world.engine.create(ada, { workflow: 'elsewhere', external: true });
    const producer = (sequence: number, term = 1) => ({ id: 'p', term, sequence });
    const started: NewEvent = { type: 'node.started', node: 'fetch', data: {} };
    const first = await world.engine.append(mill, id, { events: [started], producer: producer(1) });
    expect(await world.engine.append(mill, id, { events: [started], producer: producer(1) })).toEqual({
      seq: first.seq,
      repeated: true,
    });
    await expect(world.engine.append(mill, id, { events: [started], producer: producer(3) })).rejects.toMatchObject({
      code: 'producer_gap',
    });
    await expect(world.engine.append(mill, id, { events: [started] })).rejects.toMatchObject({
      code: 'invalid_transition',
      facts: { from: 'running' },
    });
    await expect(world.engine.append(mill, id, { events: [{ type: 'run.paused', data: {} }] })).rejects.toMatchObject({
      code: 'event_not_allowed',
    });
    await world.engine.append(mill, id, {
      events: [
        { type: 'node.completed', node: 'fetch', data: {} },
        { type: 'run.completed', data: { output: 1 } },
      ],
      producer: producer(1, 2),
    });
    await expect(world.engine.append(mill, id, { events: [started], producer: producer(2, 1) })).rejects.toMatchObject({
      code: 'stale_producer',
    });
    await expect(
      world.engine.append(mill, id, { events: [{ type: 'log', data: { level: 'info', message: 'late' } }] }),
    ).rejects.toMatchObject({ code: 'run_ended' });
    expect(await world.types(id)).toEqual([
      'run.created',
      'node.started fetch',
      'node.completed fetch',
      'run.completed',
    ]);
  });

  test('[ENG-18] an idempotency key creates one run, also when both requests are under way; another body is a conflict', async () => {
    const world = await rig();
    await world.worker('w', ['hello'], [hello]);
    const [a, b] = await Promise.all([
      world.engine.create(ada, { workflow: 'hello', input: 1 }, 'k'),
      world.engine.create(ada, { workflow: 'hello', input: 1 }, 'k'),
    ]);
    expect(b.id).toBe(a.id);
    await expect(world.engine.create(ada, { workflow: 'hello', input: 2 }, 'k')).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
  });

  test('[ENG-19] what a workflow cannot be is refused when it is registered, naming the place', async () => {
    const world = await rig();
    const put = (nodes: WorkflowDefinition['nodes']) => world.engine.putWorkflow(ada, { name: 'w', nodes });
    await expect(put([])).rejects.toMatchObject({ code: 'empty_graph' });
    await expect(
      put([
        { id: 'a', task: 't', needs: ['b'] },
        { id: 'b', task: 't', needs: ['a'] },
      ]),
    ).rejects.toMatchObject({ code: 'graph_cycle' });
    await expect(put([{ id: 'a', task: 't', needs: ['z'] }])).rejects.toMatchObject({
      code: 'graph_invalid',
      facts: { node: 'a' },
    });
    await expect(put([{ id: 'a', task: 't', when: '{% (1 + %}' }])).rejects.toMatchObject({
      code: 'expression_invalid',
      facts: { node: 'a', place: 'when' },
    });
    await expect(world.engine.create(ada, { workflow: 'nobody' })).rejects.toMatchObject({
      code: 'workflow_not_found',
    });
    expect(await world.engine.workflows('default')).toEqual([]);
  });

  test('[ENG-21] a value over 64 KB becomes a blob, and the next node receives the value', async () => {
    const world = await rig();
    const run = await start(world, {
      name: 'big',
      nodes: [
        { id: 'a', task: 't' },
        { id: 'b', task: 't', needs: ['a'] },
      ],
    });
    const text = 'x'.repeat(100_000);
    const [a] = await world.claim('w');
    await world.append(a!, done(text));
    expect((await world.control(run)).nodes.a?.output).toMatchObject({
      $blob: expect.any(String),
      type: 'application/json',
    });
    expect((await world.claim('w'))[0]?.input).toEqual({ a: text });
    const huge: NewEvent = { type: 'log', data: { level: 'info', message: 'y'.repeat(300_000) } };
    await expect(world.engine.appendAttempt(mill, { run, node: 'b', attempt: 1 }, 1, [huge])).rejects.toMatchObject({
      code: 'payload_too_large',
    });
  });
}
