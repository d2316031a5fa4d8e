import { describe, expect, test } from 'vitest';
import type { RunEvent } from './event.ts';
import { fold } from './fold.ts';
import { graph, Log } from './log.suite.ts';
import { publicStatus, summarise } from './view.ts';

describe('what is implied', () => {
  test('[PRO-11] the first node.started starts the run, once', () => {
    const log = Log.of(graph('a', 'b')).start('a');
    expect(log.view.control).toMatchObject({ status: 'running', startedAt: log.now, startedSeq: 2 });
    log.start('b').write('run.started', {});
    expect(log.view.control.startedSeq).toBe(2);
  });

  test('[PRO-11] a written run.started does so too', () => {
    const log = Log.of([], { external: true }).write('run.started', {});
    expect(log.view.control).toMatchObject({ status: 'running', startedSeq: 2 });
  });

  test('[PRO-12] a node is queued when its last need has ended well, and keeps the seq that did it', () => {
    const log = Log.of(graph('a', 'b', 'c<a,b'));
    expect(log.states).toEqual({ a: 'queued', b: 'queued', c: 'pending' });
    log.run('a');
    expect(log.status('c')).toBe('pending');
    log.run('b');
    expect(log.view.control.nodes.c).toMatchObject({ status: 'queued', queuedSeq: 5, queuedAt: log.now });
  });

  test('[PRO-12] in an external run nothing is queued: its producer says what runs', () => {
    const log = Log.of(graph('a', 'b<a'), { external: true });
    expect(log.states).toEqual({ a: 'pending', b: 'pending' });
    log.run('a');
    expect(log.states).toEqual({ a: 'completed', b: 'pending' });
  });

  test.each(['completed', 'failed', 'cancelled'] as const)(
    '[PRO-13] run.%s cancels every open node and closes every open wait',
    (end) => {
      const log = Log.of(graph('done', 'parked', 'running', 'pending<running'));
      log.run('done').start('parked').start('running');
      log.write('approval.requested', { approvalId: 'ok?', title: 'Ok?' }, { node: 'parked', attempt: 1 });
      log.write('node.waiting', { waits: ['ok?'] }, { node: 'parked', attempt: 1 });
      log.write('input.requested', { inputId: 'name?', prompt: 'Name?' }, { node: 'running', attempt: 1 });
      if (end === 'failed') log.write('run.failed', { error: { code: 'hung', message: '' } });
      else log.write(`run.${end}`, {});
      expect(log.states).toEqual({
        done: 'completed',
        parked: 'cancelled',
        running: 'cancelled',
        pending: 'cancelled',
      });
      expect(log.view.control).toMatchObject({ status: end, endedAt: log.now, endedSeq: log.view.seq, openWaits: 0 });
      for (const wait of Object.values(log.view.control.waits)) {
        expect(wait).toMatchObject({ status: 'cancelled', endedSeq: log.view.seq });
      }
    },
  );

  test('[PRO-13] the end of a node closes its open waits and nobody else’s', () => {
    const log = Log.of(graph('a', 'b')).start('a').start('b');
    log.write('approval.requested', { approvalId: 'a?', title: '' }, { node: 'a' });
    log.write('approval.requested', { approvalId: 'b?', title: '' }, { node: 'b' });
    log.fail('a');
    expect(log.view.control.waits['a?']).toMatchObject({ status: 'cancelled' });
    expect(log.view.control.waits['b?']).toMatchObject({ status: 'open' });
    expect(summarise(log.view.control, log.view.seq, log.now).openWaits).toBe(1);
  });

  test.each([
    ['attempt.lost', { reason: 'fenced' }],
    ['node.parked', { reason: 'paused' }],
  ] as const)('[PRO-14] in a stopping run %s cancels the node; before, it queues it again', (type, data) => {
    const log = Log.of(graph('a', 'b')).start('a').write(type, data, { node: 'a', attempt: 1 });
    expect(log.status('a')).toBe('queued');
    log.start('a', 2).write('run.stopping', { outcome: 'cancelled', graceUntil: 9_999 });
    log.write(type, data, { node: 'a', attempt: 2 });
    expect(log.status('a')).toBe('cancelled');
    expect(publicStatus(log.view.control)).toEqual({ status: 'running', detail: 'cancelling' });
  });

  test('[PRO-14] in a stopping run nothing is queued any more, by needs or by answers', () => {
    const log = Log.of(graph('a', 'b<a', 'w'))
      .start('a')
      .start('w');
    log.write('sleep.started', { sleepId: 's', until: 5 }, { node: 'w' });
    log.write('node.waiting', { waits: ['s'] }, { node: 'w' });
    log.write('run.stopping', { outcome: 'failed', graceUntil: 9_999 });
    log.complete('a').write('sleep.ended', { sleepId: 's' });
    expect(log.states).toEqual({ a: 'completed', b: 'pending', w: 'waiting' });
  });
});

describe('attempts', () => {
  test('lost ones are counted in a row: fencing is not counted, a durable result starts anew', () => {
    const log = Log.of(graph('a'))
      .start('a')
      .lose('a')
      .start('a', 2)
      .lose('a', 'fenced')
      .start('a', 3)
      .lose('a', 'hung');
    expect(log.view.control.nodes.a).toMatchObject({ lost: 2, attempt: 3, retries: 0 });
    log.start('a', 4).write('step.completed', { name: 's' }, { node: 'a' });
    expect(log.view.control.nodes.a?.lost).toBe(0);
  });

  test('a retry keeps its error until the node completes, and its time until it is queued', () => {
    const log = Log.of(graph('a')).start('a');
    log.write('node.retrying', { error: { code: 'x', message: 'no' }, nextAt: 77 }, { node: 'a' });
    expect(log.view.control.nodes.a).toMatchObject({
      status: 'retrying',
      retries: 1,
      nextAt: 77,
      error: { code: 'x' },
    });
    log.write('node.queued', {}, { node: 'a' }).start('a', 2);
    expect(log.view.control.nodes.a).not.toHaveProperty('nextAt');
    log.complete('a');
    expect(log.view.control.nodes.a).not.toHaveProperty('error');
  });

  test('a move that the table refuses changes nothing but ctl', () => {
    const log = Log.of(graph('a')).run('a');
    const before = structuredClone(log.view.control);
    log.start('a', 2);
    expect(log.view.control).toEqual({ ...before, ctl: log.view.seq });
  });

  test('[PRO-27] a result copied from an ancestor completes a node that was queued by the graph alone', () => {
    const reused = { run: 'r0', seq: 7 };
    const log = Log.of(graph('a', 'b<a'), { lineage: { retryOf: { run: 'r0', seq: 9 } } });
    log.write('node.completed', { output: 1, reused }, { node: 'a' });
    expect(log.view.control).toMatchObject({
      status: 'created',
      nodes: { a: { status: 'completed', output: 1, reused }, b: { status: 'queued' } },
    });
  });
});

describe('waits', () => {
  const parked = () => {
    const log = Log.of(graph('a')).start('a');
    log.write('approval.requested', { approvalId: 'ok', title: 'Ok?', timeoutAt: 50 }, { node: 'a' });
    return log.write('node.waiting', { waits: ['ok'] }, { node: 'a' });
  };

  test('[PRO-19] an answer queues the node that is parked on the wait, and makes a durable result', () => {
    const log = parked();
    expect(publicStatus(log.view.control)).toEqual({ status: 'running', detail: 'waiting' });
    log.write('approval.resolved', { approvalId: 'ok', decision: 'approved', comment: 'fine' }, { by: 'user:1' });
    expect(log.view.control.waits.ok).toMatchObject({
      status: 'answered',
      by: 'user:1',
      approval: { title: 'Ok?', decision: 'approved', comment: 'fine' },
    });
    expect(log.view.control.nodes.a).toMatchObject({ status: 'queued', durableSeq: log.view.seq });
    expect(log.view.control.nodes.a).not.toHaveProperty('waits');
  });

  test('[PRO-19] the first answer stands', () => {
    const log = parked().write('approval.resolved', { approvalId: 'ok', decision: 'approved' });
    log.write('approval.resolved', { approvalId: 'ok', decision: 'rejected' }, { by: 'user:2' });
    expect(log.view.control.waits.ok).toMatchObject({ approval: { decision: 'approved' } });
    expect(log.view.control.waits.ok).not.toHaveProperty('by');
  });

  test('[PRO-19] asked again under the same id it stays open, with the new deadline', () => {
    const log = parked();
    const again = { approvalId: 'ok', title: 'Ok now?', timeoutAt: 90, escalation: { level: 1, to: 'boss' } };
    log.write('approval.requested', again, { node: 'a' });
    expect(log.view.control.waits.ok).toMatchObject({
      status: 'open',
      timeoutAt: 90,
      seq: 3,
      approval: { title: 'Ok now?' },
    });
    expect(log.view.control.openWaits).toBe(1);
    expect(log.status('a')).toBe('waiting');
  });

  test('[PRO-19] an answer of another kind under the same id answers nothing', () => {
    const log = parked();
    const before = structuredClone(log.view.control.waits);
    log.write('input.requested', { inputId: 'ok', prompt: '?' }, { node: 'a' });
    log.write('input.provided', { inputId: 'ok', value: 1 }).write('sleep.ended', { sleepId: 'ok' });
    expect(log.view.control.waits).toEqual(before);
    expect(log.status('a')).toBe('waiting');
  });

  test('an answer while the attempt still runs moves no node', () => {
    const log = Log.of(graph('a')).start('a');
    log.write('input.requested', { inputId: 'i', prompt: '?', default: 3 }, { node: 'a' });
    log.write('input.timed_out', { inputId: 'i', value: 3 });
    expect(log.status('a')).toBe('running');
    expect(log.view.control.waits.i).toMatchObject({
      status: 'timed_out',
      input: { prompt: '?', default: 3, value: 3 },
    });
  });

  test('children and sleeps tell how they ended; an inherited answer needs no question', () => {
    const log = Log.of(graph('a')).start('a');
    log.write('child.started', { childId: 'c', run: 'r2', workflow: 'w2' }, { node: 'a' });
    log.write('child.ended', { childId: 'c', run: 'r2', outcome: 'failed', error: { code: 'x', message: '' } });
    log.write('sleep.ended', { sleepId: 's', reused: { run: 'r0', seq: 3 } }, { node: 'a' });
    expect(log.view.control.waits).toMatchObject({
      c: { kind: 'child', status: 'answered', child: { run: 'r2', workflow: 'w2', outcome: 'failed' } },
      s: { kind: 'sleep', status: 'answered', node: 'a', reused: { run: 'r0' } },
    });
    expect(log.view.control.openWaits).toBe(0);
  });
});

test('[PRO-22] an event of a type that this version does not know moves seq and at, and nothing else', () => {
  const log = Log.of(graph('a'));
  const before = structuredClone(log.view);
  const event = { seq: 2, at: 5_000, type: 'node.teleported', node: 'a', data: {} } as unknown as RunEvent;
  expect(fold(log.view, event)).toEqual({ ...before, seq: 2, at: 5_000 });
});

test('usage adds up in the run and in its node, by currency', () => {
  const log = Log.of(graph('a')).start('a');
  const cost = { amount: 0.5, currency: 'USD' };
  log
    .write('usage', { inputTokens: 10, outputTokens: 2, cost }, { node: 'a' })
    .write('usage', { inputTokens: 1, cost });
  log.write('usage', { cost: { amount: 1, currency: 'EUR' } });
  expect(log.view.control.usage).toEqual({ inputTokens: 11, outputTokens: 2, cost: { USD: 1, EUR: 1 } });
  expect(log.view.control.nodes.a?.usage).toEqual({ inputTokens: 10, outputTokens: 2, cost: { USD: 0.5 } });
});

test('[PRO-28] a view is plain JSON: one that was stored and read goes on like one that was not', () => {
  const log = Log.of(graph('a', 'b<a'))
    .start('a')
    .write('checkpoint.saved', { key: 'k', state: [1] }, { node: 'a' });
  const stored = JSON.parse(JSON.stringify(log.view)) as typeof log.view;
  expect(stored).toEqual(log.view);
  const rest = log.events.length;
  log.complete('a').run('b').write('run.completed', {});
  expect(log.events.slice(rest).reduce((view, event) => fold(view, event), stored)).toEqual(log.view);
});
