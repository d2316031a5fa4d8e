import type { WorkflowDefinition } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import { ada, done, mill, start } from './engine.rig.ts';
import { type OpenStore, scheduled } from './engine-factory.suite.ts';

const two: WorkflowDefinition = {
  name: 'two',
  nodes: [
    { id: 'a', task: 't' },
    { id: 'b', task: 't', needs: ['a'] },
  ],
};
const key = (run: string) => ({ tenant: 'default', run });

export function engineCommandsSuite(open: OpenStore): void {
  const rig = scheduled(open);

  test('[ENG-24] a paused run dispatches nothing, its attempts may finish, and resuming goes on where it was', async () => {
    const world = await rig();
    const run = await start(world, two);
    const [a] = await world.claim('w');
    const heard: unknown[] = [];
    world.engine.onSignal(mill, 'w', (signal) => heard.push(signal));
    await world.engine.command(ada, run, { type: 'pause', reason: 'lunch' });
    expect(heard).toMatchObject([{ node: 'a', state: 'pause', reason: 'lunch' }]);
    expect((await world.store.runRow(key(run)))?.summary).toMatchObject({ status: 'paused', detail: 'pausing' });
    await world.append(a!, done());
    expect((await world.store.runRow(key(run)))?.summary.detail).toBeUndefined();
    expect(await world.claim('w')).toEqual([]);
    await expect(world.engine.command(ada, run, { type: 'pause' })).rejects.toMatchObject({
      code: 'invalid_transition',
      facts: { from: 'paused', allowed: expect.arrayContaining(['running']) },
    });
    await world.engine.command(ada, run, { type: 'resume' });
    await expect(world.engine.command(ada, run, { type: 'resume' })).rejects.toMatchObject({
      code: 'invalid_transition',
    });
    const [b] = await world.claim('w');
    await world.append(b!, done());
    expect((await world.control(run)).status).toBe('completed');
    expect((await world.log(run)).filter((event) => event.type === 'run.paused')).toMatchObject([
      { by: 'user:ada', data: { reason: 'lunch' } },
    ]);
  });

  test('[ENG-25] an attempt that parks for a pause hands its node back; one that does not is fenced after the grace time', async () => {
    for (const cooperative of [true, false]) {
      const world = await rig();
      const run = await start(world, two);
      const [a] = await world.claim('w');
      await world.engine.command(ada, run, { type: 'pause' });
      if (cooperative) await world.append(a!, { type: 'node.parked', data: { reason: 'paused' } });
      else {
        await world.engine.renew(mill, 'w', [a!]);
        world.clock.advance(5_000);
        expect(await world.engine.renew(mill, 'w', [a!])).toMatchObject([{ state: 'pause' }]);
        world.clock.advance(5_000);
        await until(async () => {
          world.clock.advance(200);
          expect((await world.types(run)).at(-1)).toBe('attempt.lost a');
        });
        await expect(world.append(a!, done())).rejects.toMatchObject({ code: 'stale_attempt' });
      }
      expect((await world.control(run)).nodes.a).toMatchObject({ status: 'queued', lost: 0 });
      expect(await world.claim('w')).toEqual([]);
      await world.engine.command(ada, run, { type: 'resume' });
      expect(await world.claim('w')).toMatchObject([{ node: 'a', attempt: 2 }]);
    }
  });

  test('[ENG-26] a run that finished while it was paused completes when it is resumed', async () => {
    const world = await rig();
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    await world.engine.command(ada, run, { type: 'pause' });
    await world.append(a!, done(7));
    expect((await world.control(run)).status).toBe('paused');
    await world.engine.command(ada, run, { type: 'resume' });
    expect(await world.control(run)).toMatchObject({ status: 'completed', output: 7 });
  });

  test('[ENG-27] cancel is at once where nothing runs, else the attempts are told; it ends the run whatever they do', async () => {
    const world = await rig();
    const idle = await start(world, two);
    await world.engine.command(ada, idle, { type: 'cancel', reason: 'never mind' });
    expect(await world.types(idle)).toEqual(['run.created', 'run.cancelled']);
    expect(await world.claim('w')).toEqual([]);
    await expect(world.engine.command(ada, idle, { type: 'cancel' })).rejects.toMatchObject({ code: 'run_ended' });

    const run = await start(world, two);
    const [a] = await world.claim('w');
    await world.engine.command(ada, run, { type: 'cancel' });
    expect((await world.store.runRow(key(run)))?.summary).toMatchObject({ status: 'running', detail: 'cancelling' });
    await world.engine.command(ada, run, { type: 'cancel' });
    await world.append(a!, { type: 'node.parked', data: { reason: 'paused' } });
    expect((await world.types(run)).slice(-3)).toEqual(['run.stopping', 'node.parked a', 'run.cancelled']);
  });

  test('[ENG-28] a command under a key happens once; another under the same key is a conflict; one on a stale view is outdated', async () => {
    const world = await rig();
    const run = await start(world, two);
    await world.claim('w');
    const seen = (await world.control(run)).ctl;
    const pause = { type: 'pause' as const };
    const first = await world.engine.command(ada, run, pause, { key: 'k' });
    expect((await world.engine.command(ada, run, pause, { key: 'k' })).seq).toBe(first.seq);
    await expect(world.engine.command(ada, run, { type: 'cancel' }, { key: 'k' })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
    await expect(world.engine.command(ada, run, { type: 'resume' }, { ctl: seen })).rejects.toMatchObject({
      code: 'outdated',
    });
    await world.engine.command(ada, run, { type: 'resume' }, { ctl: first.seq });
  });

  test('[ENG-29] an input is answered by its schema: a wrong answer is refused with the reasons, the first right one wins', async () => {
    const world = await rig();
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    const schema = { type: 'object', properties: { age: { type: 'number', minimum: 18 } }, required: ['age'] };
    await world.append(
      a!,
      { type: 'input.requested', data: { inputId: 'a:age', prompt: 'How old?', schema } },
      { type: 'node.waiting', data: { waits: ['a:age'] } },
    );
    expect(await world.store.waits({ tenant: 'default', limit: 10 })).toMatchObject([
      { run, id: 'a:age', kind: 'input', title: 'How old?' },
    ]);
    const provide = (value: unknown) =>
      world.engine.command(ada, run, { type: 'provide', inputId: 'a:age', value: value as never });
    await expect(provide({ age: 3 })).rejects.toMatchObject({
      code: 'input_invalid',
      facts: { issues: [{ path: 'age' }] },
    });
    await provide({ age: 30 });
    await expect(provide({ age: 31 })).rejects.toMatchObject({
      code: 'already_answered',
      facts: { answer: { input: { value: { age: 30 } } } },
    });
    expect(await world.store.waits({ tenant: 'default', limit: 10 })).toEqual([]);
    expect((await world.claim('w'))[0]?.journal.waits['a:age']?.input?.value).toEqual({ age: 30 });
  });

  test('[ENG-30] waits end by themselves: a sleep when it is over, an input with its default, an approval as it says', async () => {
    const world = await rig();
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    const now = world.clock.now();
    const waits = ['a:nap', 'a:age', 'a:ok', 'a:boss'];
    await world.append(
      a!,
      { type: 'sleep.started', data: { sleepId: 'a:nap', until: now + 1_000 } },
      { type: 'input.requested', data: { inputId: 'a:age', prompt: '?', timeoutAt: now + 2_000, default: 42 } },
      {
        type: 'approval.requested',
        data: { approvalId: 'a:ok', title: 'OK?', timeoutAt: now + 3_000, onTimeout: 'approve' },
      },
      {
        type: 'approval.requested',
        data: {
          approvalId: 'a:boss',
          title: 'Boss?',
          timeoutAt: now + 4_000,
          onTimeout: 'escalate',
          escalateTo: [{ to: 'eve', timeout: 5_000 }],
        },
      },
      { type: 'node.waiting', data: { waits } },
    );
    await until(async () => {
      world.clock.advance(500);
      expect((await world.control(run)).waits['a:boss']?.status).toBe('answered');
    });
    expect((await world.control(run)).waits).toMatchObject({
      'a:nap': { status: 'answered' },
      'a:age': { status: 'timed_out', input: { value: 42 } },
      'a:ok': { approval: { decision: 'approved' } },
      'a:boss': { approval: { decision: 'timed_out', escalation: { level: 1, to: 'eve' } } },
    });
    expect(
      (await world.log(run)).filter(
        (event) => event.type === 'approval.requested' && event.data.approvalId === 'a:boss',
      ),
    ).toHaveLength(2);
  });

  test('[ENG-31] a rejection fails the node where its approval says so', async () => {
    const world = await rig();
    const run = await start(world, { name: 'one', nodes: [{ id: 'a', task: 't' }] });
    const [a] = await world.claim('w');
    await world.append(
      a!,
      { type: 'approval.requested', data: { approvalId: 'a:ok', title: 'OK?', onReject: 'fail' } },
      { type: 'node.waiting', data: { waits: ['a:ok'] } },
    );
    await world.engine.command(ada, run, { type: 'approve', approvalId: 'a:ok', decision: 'rejected' });
    expect(await world.control(run)).toMatchObject({
      status: 'failed',
      error: { code: 'approval_rejected', node: 'a' },
    });
  });

  test('[ENG-41] the producer of an external run asks and learns the answer from the log; cancel reaches it there', async () => {
    const world = await rig();
    const { id } = await world.engine.create(ada, { workflow: 'x', external: true });
    await world.engine.append(mill, id, {
      events: [
        { type: 'node.started', node: 'n', data: {} },
        { type: 'approval.requested', data: { approvalId: 'ok', title: 'OK?' } },
      ],
    });
    await world.engine.command(ada, id, { type: 'approve', approvalId: 'ok', decision: 'approved' });
    expect((await world.log(id)).at(-1)).toMatchObject({
      type: 'approval.resolved',
      by: 'user:ada',
      data: { decision: 'approved' },
    });
    await world.engine.command(ada, id, { type: 'pause' });
    await expect(
      world.engine.append(mill, id, { events: [{ type: 'node.started', node: 'm', data: {} }] }),
    ).rejects.toMatchObject({ code: 'run_paused' });
    await world.engine.append(mill, id, {
      events: [
        { type: 'log', data: { level: 'info', message: 'still here' } },
        { type: 'node.completed', node: 'n', data: {} },
      ],
    });
    await world.engine.command(ada, id, { type: 'cancel' });
    expect((await world.control(id)).status).toBe('stopping');
    await until(async () => {
      world.clock.advance(1_000);
      expect((await world.control(id)).status).toBe('cancelled');
    });
  });
}
