import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import { ada, done, failed, mill, startWith as start } from './engine.rig.ts';
import { type OpenStore, servers } from './engine-factory.suite.ts';

const hello: WorkflowDefinition = { name: 'hello', nodes: [{ id: 'hello', task: 'hello' }] };

export function engineAttemptsSuite(open: OpenStore): void {
  const { rig, beside } = servers(open);

  test("[ENG-8] a failed attempt is tried again by the node's retry policy, with growing delays", async () => {
    const world = await rig();
    world.scheduler.start();
    const run = await start(world, {
      name: 'r',
      nodes: [{ id: 'x', task: 't', retry: { attempts: 3, delay: 1_000 } }],
    });
    for (const [attempt, delay] of [
      [1, 1_000],
      [2, 2_000],
    ] as const) {
      const [one] = await world.claim('w');
      expect(one).toMatchObject({ attempt });
      const before = world.clock.now();
      await world.append(one!, failed());
      expect((await world.control(run)).nodes.x).toMatchObject({ status: 'retrying', nextAt: before + delay });
      world.clock.advance(delay - 1);
      expect(await world.claim('w')).toEqual([]);
      world.clock.advance(1);
      await until(async () => {
        world.clock.advance(200);
        expect((await world.control(run)).nodes.x?.status).toBe('queued');
      });
    }
    const [last] = await world.claim('w');
    await world.append(last!, failed('for good'));
    expect(await world.control(run)).toMatchObject({ status: 'failed', error: { message: 'for good', node: 'x' } });
  });

  test("[ENG-9] an attempt over its node's time limit fails with timeout, and takes nothing more", async () => {
    const world = await rig();
    world.scheduler.start();
    const run = await start(world, { name: 'slow', nodes: [{ id: 'x', task: 't', timeout: 500 }] });
    const [one] = await world.claim('w');
    expect(one?.timeoutMs).toBe(500);
    world.clock.advance(500);
    await until(async () =>
      expect(await world.control(run)).toMatchObject({ status: 'failed', error: { code: 'timeout' } }),
    );
    await expect(world.append(one!, done())).rejects.toMatchObject({ code: 'stale_attempt' });
  });

  test("[ENG-10] a lease that is not renewed ends by attempt.lost; another takes over; the dead one's append is refused", async () => {
    const world = await rig();
    world.scheduler.start();
    const run = await start(world, hello);
    const [dead] = await world.claim('w');
    await world.append(dead!, { type: 'step.completed', step: 'one', data: { name: 'one', output: 1 } });
    await until(async () => {
      world.clock.advance(1_000);
      expect((await world.control(run)).nodes.hello).toMatchObject({ status: 'queued', lost: 1 });
    });
    const [next] = await world.claim('w');
    expect(next).toMatchObject({ attempt: 2, journal: { steps: { one: { output: 1 } } } });
    await expect(world.append(dead!, done())).rejects.toMatchObject({ code: 'stale_attempt' });
    await world.append(next!, done());
    expect((await world.control(run)).status).toBe('completed');
  });

  test('[ENG-11] a renewed lease is kept, and three lost in a row fail the node', async () => {
    const world = await rig();
    world.scheduler.start();
    const run = await start(world, hello);
    const [held] = await world.claim('w');
    for (let i = 0; i < 20; i++) {
      world.clock.advance(1_000);
      expect(await world.engine.renew(mill, 'w', [held!])).toMatchObject([{ state: 'held' }]);
    }
    for (let lost = 1; lost <= 3; lost++) {
      await until(async () => {
        world.clock.advance(1_000);
        expect((await world.log(run)).filter((event) => event.type === 'attempt.lost')).toHaveLength(lost);
      });
      if (lost < 3) expect(await world.claim('w')).toHaveLength(1);
    }
    expect(await world.control(run)).toMatchObject({ status: 'failed', error: { code: 'lease_lost' } });
  });

  test('[ENG-12] an append sent again is answered with the first answer and writes nothing; a hole is refused', async () => {
    const world = await rig();
    const run = await start(world, hello);
    const [lease] = await world.claim('w');
    const log: NewEvent = { type: 'log', data: { level: 'info', message: 'once' } };
    const first = await world.engine.appendAttempt(mill, lease!, 1, [log]);
    expect(await world.engine.appendAttempt(mill, lease!, 1, [log])).toEqual({ seq: first.seq, repeated: true });
    await expect(world.engine.appendAttempt(mill, lease!, 3, [log])).rejects.toMatchObject({
      code: 'producer_gap',
      facts: { expected: 2 },
    });
    expect((await world.log(run)).filter((event) => event.type === 'log')).toHaveLength(1);
    await world.engine.appendAttempt(mill, lease!, 2, [done()]);
    expect(await world.engine.appendAttempt(mill, lease!, 2, [done()])).toMatchObject({ repeated: true });
  });

  test('[ENG-13] parking on an approval holds no worker; the answer queues the node again, journal and all', async () => {
    const world = await rig();
    const run = await start(world, hello);
    const [one] = await world.claim('w');
    const approvalId = 'hello:publish';
    await world.append(
      one!,
      { type: 'approval.requested', data: { approvalId, title: 'Publish?', options: ['later'] } },
      { type: 'node.waiting', data: { waits: [approvalId] } },
    );
    expect(await world.store.leases({ limit: 10 })).toEqual([]);
    expect((await world.store.runRow({ tenant: 'default', run }))?.summary).toMatchObject({
      status: 'running',
      detail: 'waiting',
      openWaits: 1,
    });
    const answer = { type: 'approve' as const, approvalId, decision: 'approved', comment: 'go' };
    await expect(world.engine.command(ada, run, { ...answer, decision: 'maybe' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await expect(world.engine.command(ada, run, { ...answer, approvalId: 'x' })).rejects.toMatchObject({
      code: 'wait_not_found',
    });
    await world.engine.command(ada, run, answer);
    await expect(world.engine.command(ada, run, answer)).rejects.toMatchObject({ code: 'already_answered' });
    const [two] = await world.claim('w');
    expect(two).toMatchObject({
      attempt: 2,
      journal: {
        waits: {
          [approvalId]: { status: 'answered', by: 'user:ada', approval: { decision: 'approved', comment: 'go' } },
        },
      },
    });
    await world.append(two!, done());
    expect((await world.control(run)).status).toBe('completed');
  });

  test('[ENG-14] a park whose wait is already answered is refused with the answer, and the attempt goes on', async () => {
    const world = await rig();
    const run = await start(world, hello);
    const [one] = await world.claim('w');
    await world.append(one!, { type: 'approval.requested', data: { approvalId: 'hello:a', title: 'A?' } });
    await world.engine.command(ada, run, { type: 'approve', approvalId: 'hello:a', decision: 'rejected' });
    await expect(world.append(one!, { type: 'node.waiting', data: { waits: ['hello:a'] } })).rejects.toMatchObject({
      code: 'wait_ended',
      facts: { answers: [{ id: 'hello:a', approval: { decision: 'rejected' } }] },
    });
    await world.append(one!, done());
    expect((await world.control(run)).status).toBe('completed');
  });

  test("[ENG-15] a step name used twice in an attempt is refused, and so is a wait under a step's name", async () => {
    const world = await rig();
    await start(world, hello);
    const [one] = await world.claim('w');
    const started: NewEvent = { type: 'step.started', step: 's', data: { name: 's' } };
    await world.append(one!, started, { type: 'step.completed', step: 's', data: { name: 's' } });
    await expect(world.append(one!, started)).rejects.toMatchObject({ code: 'step_name_reused' });
    await world.append(one!, { type: 'approval.requested', data: { approvalId: 'hello:ask', title: '?' } });
    await expect(
      world.append(one!, { type: 'step.started', step: 'ask', data: { name: 'ask' } }),
    ).rejects.toMatchObject({
      code: 'journal_mismatch',
    });
  });

  test('[ENG-16] a failed node stops the run: the other attempts are told, fenced after the grace, and the run fails', async () => {
    const world = await rig();
    world.scheduler.start();
    const run = await start(world, {
      name: 'two',
      nodes: [
        { id: 'a', task: 't' },
        { id: 'b', task: 't' },
        { id: 'c', task: 't', needs: ['b'] },
      ],
    });
    const [a, b] = await world.claim('w');
    const heard: unknown[] = [];
    world.engine.onSignal(mill, 'w', (signal) => heard.push(signal));
    await world.append(a!, failed('a broke'));
    expect((await world.control(run)).status).toBe('stopping');
    expect(heard).toMatchObject([{ node: 'b', state: 'cancel' }]);
    expect(await world.engine.renew(mill, 'w', [b!])).toMatchObject([{ state: 'cancel' }]);
    world.clock.advance(5_000);
    await world.engine.renew(mill, 'w', [b!]);
    world.clock.advance(5_000);
    await until(async () => {
      world.clock.advance(200);
      expect(await world.control(run)).toMatchObject({ status: 'failed', error: { message: 'a broke', node: 'a' } });
    });
    expect((await world.types(run)).slice(-3)).toEqual(['run.stopping', 'attempt.lost b', 'run.failed']);
    expect((await world.control(run)).nodes.c?.status).toBe('cancelled');
    await expect(world.append(b!, done())).rejects.toMatchObject({ code: 'stale_attempt' });
  });

  test("[ENG-20] after a restart of the server its own workers' attempts go on at once; a foreign worker keeps its lease", async () => {
    const before = await rig();
    await before.worker('own', ['t'], [{ name: 'j', nodes: [{ id: 'j', task: 't' }] }], true);
    const { id } = await before.engine.create(ada, { workflow: 'j' });
    expect(await before.claim('own')).toHaveLength(1);
    await before.worker('far', ['hello'], [hello]);
    const far = (await before.engine.create(ada, { workflow: 'hello' })).id;
    const [held] = await before.claim('far');
    await before.engine.stop();
    const after = beside(before, { boot: 'boot-2' });
    await after.worker('own', ['t'], [], true);
    await after.worker('far', ['hello'], []);
    after.scheduler.start();
    const { shared } = after.store.capabilities;
    // Where servers share the store, the boot that is gone looks like one that lives: its leases run out first.
    if (shared) expect(await after.claim('own')).toEqual([]);
    await until(async () => {
      if (shared) {
        after.clock.advance(1_000);
        expect(await after.engine.renew(mill, 'far', [held!])).toMatchObject([{ state: 'held' }]);
      }
      expect(await after.claim('own')).toMatchObject([{ run: id, attempt: 2 }]);
    });
    expect(await after.engine.renew(mill, 'far', [held!])).toMatchObject([{ state: 'held' }]);
    await after.engine.appendAttempt(mill, held!, 1, [done()]);
    expect((await after.control(far)).status).toBe('completed');
  });
}
