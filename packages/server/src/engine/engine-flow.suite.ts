import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import { ada, done, failed, mill, start } from './engine.rig.ts';
import { type OpenStore, scheduled } from './engine-factory.suite.ts';

const two: WorkflowDefinition = {
  name: 'two',
  nodes: [
    { id: 'a', task: 't' },
    { id: 'b', task: 't', needs: ['a'] },
  ],
};

const child: WorkflowDefinition = { name: 'child', nodes: [{ id: 'c', task: 'ct' }] };

export function engineFlowSuite(open: OpenStore): void {
  const rig = scheduled(open);

  test('[ENG-32] a child run is created once, its end ends the wait, and its output is the answer', async () => {
    const world = await rig();
    await world.worker('cw', ['ct'], [child]);
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    await world.append(
      a!,
      { type: 'child.started', data: { childId: 'a:kid', run: '', workflow: 'child', input: { n: 1 } } },
      { type: 'node.waiting', data: { waits: ['a:kid'] } },
    );
    const [kid] = await until(async () => {
      const claimed = await world.claim('cw');
      expect(claimed).toHaveLength(1);
      return claimed;
    });
    expect(kid).toMatchObject({ input: { n: 1 }, owner: 'ada' });
    expect((await world.control(kid!.run)).lineage).toEqual({ parent: { run, node: 'a', step: 'kid' } });
    await world.append(kid!, done('grown'));
    const [again] = await until(async () => {
      const claimed = await world.claim('w');
      expect(claimed).toHaveLength(1);
      return claimed;
    });
    expect(again?.journal.waits['a:kid']).toMatchObject({
      status: 'answered',
      child: { run: kid?.run, outcome: 'completed', output: 'grown' },
    });
    expect(await world.store.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });

  test('[ENG-32] a child run that is under way is not created again by what is delivered late', async () => {
    const world = await rig();
    await world.worker('cw', ['ct'], [child]);
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    await world.append(a!, { type: 'child.started', data: { childId: 'a:kid', run: '', workflow: 'child' } });
    const kid = await until(async () => {
      const [claimed] = await world.claim('cw');
      expect(claimed).toBeDefined();
      return claimed!;
    });
    const late = { tenant: 'default', run, key: 'spawn/a:kid', at: world.clock.now() };
    await world.engine.deliver({ ...late, command: JSON.stringify({ type: 'spawn', child: 'a:kid' }) });
    await world.append(kid, done('grown'));
    expect(await world.types(kid.run)).toEqual(['run.created', 'node.started c', 'node.completed c', 'run.completed']);
  });

  test('[ENG-33] a sub-workflow is a node: it runs as long as its child run, fails with it, and is retried with a new one', async () => {
    // The clock runs ahead of the expression's thread.
    const world = await rig({ expressions: { timeout: 3_600_000 } });
    await world.worker('cw', ['ct'], [child]);
    const run = await start(
      world,
      {
        name: 'sup',
        nodes: [{ id: 's', workflow: 'child', input: { x: '{% input.y %}' }, retry: { attempts: 2, delay: 1_000 } }],
      },
      { input: { y: 5 } },
    );
    const next = () =>
      until(async () => {
        world.clock.advance(200);
        const [one] = await world.claim('cw');
        expect(one).toBeDefined();
        return one!;
      });
    const first = await next();
    expect(first.input).toEqual({ x: 5 });
    await world.append(first, failed('first'));
    const second = await next();
    expect(second.run).not.toBe(first.run);
    await world.append(second, done('fine'));
    await until(async () =>
      expect(await world.control(run)).toMatchObject({ status: 'completed', output: 'fine', unleased: 0 }),
    );
  });

  test('[ENG-34] cancelling a run cancels its children, but not the detached ones', async () => {
    const world = await rig();
    await world.worker('cw', ['ct'], [child]);
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    await world.append(
      a!,
      { type: 'child.started', data: { childId: 'a:kid', run: '', workflow: 'child' } },
      { type: 'child.started', data: { childId: 'a:free', run: '', workflow: 'child', detached: true } },
      { type: 'node.waiting', data: { waits: ['a:kid', 'a:free'] } },
    );
    const kids = await until(async () => {
      const { rows } = await world.store.runRows({ tenant: 'default', workflow: 'child', limit: 10 });
      expect(rows).toHaveLength(2);
      return rows;
    });
    const bound = (await world.control(run)).waits['a:kid']?.child?.run;
    await world.engine.command(ada, run, { type: 'cancel' });
    await until(async () => expect((await world.control(bound as string)).status).toBe('cancelled'));
    expect((await world.control(kids.find((kid) => kid.run !== bound)?.run as string)).status).toBe('created');
  });

  test('[ENG-35] a child that cannot be started ends as failed, with the reason', async () => {
    const world = await rig();
    const run = await start(world, { name: 'one', nodes: [{ id: 's', workflow: 'nowhere' }] });
    await until(async () =>
      expect(await world.control(run)).toMatchObject({ status: 'failed', error: { code: 'child_failed', node: 's' } }),
    );
  });

  test('[ENG-36] at most so many nodes of a concurrency key run at once; a slot that is freed is taken at once', async () => {
    const world = await rig();
    const limited: WorkflowDefinition = {
      name: 'l',
      nodes: [{ id: 'a', task: 't', concurrency: { key: 'db', limit: 2 } }],
    };
    for (let n = 0; n < 4; n++) await start(world, limited);
    const running = await world.claim('w');
    expect(running).toHaveLength(2);
    expect(await world.claim('w')).toEqual([]);
    const waiting = world.engine.claim(mill, { worker: 'w', limit: 5, wait: 1_000 });
    await world.append(running[0]!, done());
    expect(await waiting).toHaveLength(1);
  });

  test('[ENG-37] at most so many starts in a stretch of time, where a rate says so', async () => {
    const world = await rig();
    for (let n = 0; n < 3; n++)
      await start(world, { name: 'r', nodes: [{ id: 'a', task: 't', rate: { key: 'api', limit: 2, per: 60_000 } }] });
    expect(await world.claim('w')).toHaveLength(2);
    expect(await world.claim('w')).toEqual([]);
    world.clock.advance(60_001);
    expect(await world.claim('w')).toHaveLength(1);
  });

  test('[ENG-38] priority is claimed first, FIFO inside a priority, nothing before its delay', async () => {
    const world = await rig();
    const one = { name: 'p', nodes: [{ id: 'a', task: 't' }] };
    const low = await start(world, one);
    const high = await start(world, one, { options: { priority: 5 } });
    const second = await start(world, one);
    const later = await start(world, one, { options: { priority: 9, delayUntil: world.clock.now() + 5_000 } });
    expect((await world.claim('w')).map(({ run }) => run)).toEqual([high, low, second]);
    world.clock.advance(5_000);
    expect((await world.claim('w')).map(({ run }) => run)).toEqual([later]);
  });

  test('[ENG-39] a run that nobody claims within its time to live fails with ttl_expired', async () => {
    const world = await rig();
    const run = await start(world, two, { options: { ttl: 3_000 } });
    const claimed = await start(world, two, { options: { ttl: 3_000, priority: 1 } });
    await world.claim('w', 1);
    await until(async () => {
      world.clock.advance(500);
      expect(await world.control(run)).toMatchObject({ status: 'failed', error: { code: 'ttl_expired' } });
    });
    expect((await world.control(claimed)).status).toBe('running');
  });

  test('[ENG-40] crossing the budget pauses the run and asks once; approved or resumed it goes on, rejected it is cancelled', async () => {
    for (const answer of ['approved', 'rejected', 'resume'] as const) {
      const world = await rig();
      const run = await start(world, two, { options: { budget: { amount: 1, currency: 'USD' } } });
      const [a] = await world.claim('w');
      const spend = (amount: number): NewEvent => ({ type: 'usage', data: { cost: { amount, currency: 'USD' } } });
      await world.append(a!, spend(0.6));
      expect((await world.control(run)).status).toBe('running');
      await world.append(a!, spend(0.6));
      expect((await world.types(run)).slice(-3)).toEqual(['budget.exceeded', 'run.paused', 'approval.requested']);
      await world.append(a!, spend(0.6));
      expect((await world.log(run)).filter((event) => event.type === 'budget.exceeded')).toHaveLength(1);
      await world.append(a!, done());
      if (answer === 'resume') await world.engine.command(ada, run, { type: 'resume' });
      else await world.engine.command(ada, run, { type: 'approve', approvalId: 'budget:1', decision: answer });
      const control = await world.control(run);
      expect(control.waits['budget:1']).toMatchObject({ status: 'answered', by: 'user:ada' });
      expect(control.status).toBe(answer === 'rejected' ? 'cancelled' : 'running');
    }
  });

  test('[ENG-42] knowledge bases are listed from what kb events told', async () => {
    const world = await rig();
    const { id } = await world.engine.create(ada, { workflow: 'x', external: true });
    const document = { kbId: 'docs', documentId: 'd1', fileName: 'd1.md' };
    await world.engine.append(mill, id, { events: [{ type: 'kb.started', data: { ...document, bytes: 9 } }] });
    expect(await world.store.knowledgeBases('default', 10)).toMatchObject([
      { kbId: 'docs', documents: { processing: 1, completed: 0 } },
    ]);
    await world.engine.append(mill, id, {
      events: [{ type: 'kb.completed', data: { ...document, chunks: 3, embeddings: 2 } }],
    });
    expect(await world.store.knowledgeBases('default', 10)).toMatchObject([
      { documents: { processing: 0, completed: 1 }, chunks: 3, embeddings: 2 },
    ]);
  });

  test('[ENG-72] one user may start only so many runs in a stretch of time; others are not held up', async () => {
    const world = await rig({ createRate: { limit: 2, per: 60_000 } });
    await start(world, two);
    await start(world, two);
    await expect(world.engine.create(ada, { workflow: 'two' })).rejects.toMatchObject({ code: 'rate_limited' });
    await world.engine.create({ ...ada, by: 'user:eve' }, { workflow: 'two' });
    world.clock.advance(60_001);
    await world.engine.create(ada, { workflow: 'two' });
  });
}
