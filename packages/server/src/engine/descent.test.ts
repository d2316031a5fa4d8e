import {
  type ControlView,
  emptyControl,
  foldControl,
  isNodeEnded,
  isTerminal,
  type NewEvent,
  type NodeMove,
  type NodeView,
  nodeTable,
  type RunEvent,
} from '@millrace/protocol';
import { checkEvent } from '@millrace/protocol/catalogue';
import { live } from '@millrace/protocol/life.suite';
import { deepFreeze, graph, Log } from '@millrace/protocol/log.suite';
import { describe, expect, test } from 'vitest';
import { type Descent, forkOf, retryOf } from './descent.ts';

/** Folds the copy as the new run's log, and checks on the way that each of its events is allowed and well-formed. */
function begin({ data, inherited }: Descent): ControlView {
  let control = emptyControl('r2');
  const events: NewEvent[] = [{ type: 'run.created', by: 'user:ada', data }, ...inherited];
  for (const [index, event] of events.entries()) {
    checkEvent(event);
    if (event.type in nodeTable.pending) {
      const reused = 'reused' in event.data && event.data.reused;
      const was = control.nodes[event.node as string]?.status;
      const from = was === 'queued' && reused ? 'pending' : was;
      expect(from, `${event.type} of ${event.node}`).toBeDefined();
      expect(nodeTable[from ?? 'completed'][event.type as NodeMove], `${event.type} from ${from}`).not.toBeNull();
    }
    control = foldControl(control, { ...event, seq: index + 1, at: 5_000 } as RunEvent);
  }
  expect(control.openWaits).toBe(0);
  const counted: Record<string, number> = {};
  for (const { status } of Object.values(control.nodes)) counted[status] = (counted[status] ?? 0) + 1;
  expect(Object.fromEntries(Object.entries(control.counts).filter(([, count]) => count > 0))).toEqual(counted);
  return control;
}

const states = (control: ControlView) =>
  Object.fromEntries(Object.values(control.nodes).map(({ id, status }) => [id, status]));
const told = ({ inherited }: Descent) =>
  inherited.map((event) => (event.node === undefined ? event.type : `${event.type} ${event.node}`));
const end = (log: Log) =>
  log.write('run.failed', { error: { code: 'task_failed', message: 'no' } }, { by: 'system' }).view.control;
const step = (log: Log, node: string, name: string) =>
  log.write('step.completed', { name, output: `${node}'s ${name}` }, { node, step: name });

test('[ENG-61] from the start a retry is the same run again, with the input that it is given', () => {
  const log = Log.of(graph('a'), {
    input: { n: 1 },
    version: 'v1',
    owner: 'ada',
    tags: ['x'],
    options: { priority: 3, idempotencyKey: 'once' },
    lineage: { parent: { run: 'r0', node: 'n', step: 's' } },
  });
  const ancestor = deepFreeze(end(log.run('a')));
  const { data, inherited } = retryOf(ancestor, { from: 'start' });
  expect(inherited).toEqual([]);
  expect(data).toEqual({
    ...{ workflow: 'w', version: 'v1', nodes: graph('a'), input: { n: 1 }, owner: 'ada', tags: ['x'] },
    ...{ options: { priority: 3 }, lineage: { retryOf: { run: 'r1', seq: 4 } } },
  });
  expect(retryOf(ancestor, { from: 'start', input: { n: 2 } }).data.input).toEqual({ n: 2 });
  expect(() => retryOf(ancestor, { from: 'failed', input: { n: 2 } })).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  );
});

test('[ENG-60] from the failed nodes it takes over all that ended well, with where it was first written', () => {
  const log = Log.of(graph('a', 'b<a', 'c<a', 'd<b,c', 'e'))
    .run('a', 'b')
    .start('c')
    .start('e')
    .fail('c');
  const copy = retryOf(end(log), { from: 'failed' });
  const control = begin(copy);
  expect(states(control)).toEqual({ a: 'completed', b: 'completed', c: 'queued', d: 'pending', e: 'queued' });
  expect(control.nodes.b).toMatchObject({ output: "b's", reused: { run: 'r1', seq: 5 } });
  expect(control.nodes.d?.needs).toEqual({ total: 2, ok: 1, skipped: 0, dead: 0 });
  const again = new Log();
  again.view.control = control;
  const second = retryOf(end(again), { from: 'failed' });
  expect(begin(second).nodes.b?.reused).toEqual({ run: 'r1', seq: 5 });
});

test('[ENG-67] a failed node keeps its finished steps, answers, sleeps, children and newest checkpoints', () => {
  const log = Log.of(graph('a')).start('a');
  const at = { node: 'a', attempt: 1 };
  step(log, 'a', 's1')
    .write('approval.requested', { approvalId: 'a:ok', title: 'Go?' }, at)
    .write('approval.resolved', { approvalId: 'a:ok', decision: 'approved', comment: 'fine' }, { ...at, by: 'user:bo' })
    .write('input.requested', { inputId: 'a:in', prompt: 'n?' }, at)
    .write('input.provided', { inputId: 'a:in', value: { $blob: 'x', bytes: 1, type: 't' } as never }, at)
    .write('input.requested', { inputId: 'a:late', prompt: 'm?', default: 7 }, at)
    .write('input.timed_out', { inputId: 'a:late', value: 7 }, at)
    .write('sleep.started', { sleepId: 'a:nap', until: 1 }, at)
    .write('sleep.ended', { sleepId: 'a:nap' }, at)
    .write('child.started', { childId: 'a:kid', run: 'k1', workflow: 'kid' }, at)
    .write('child.ended', { childId: 'a:kid', run: 'k1', outcome: 'completed', output: 'grown' }, at)
    .write('checkpoint.saved', { key: 'c', state: 1 }, at)
    .write('checkpoint.saved', { key: 'c', state: { $blob: 'y', bytes: 9, type: 't' } }, at)
    .write('sleep.started', { sleepId: 'a:open', until: 1 }, at)
    .write('log', { level: 'info', message: 'not copied' }, at)
    .write('usage', { cost: { amount: 1, currency: 'USD' } }, at)
    .write('step.failed', { name: 's2', error: { code: 'x', message: 'x' } }, at)
    .fail('a');
  const copy = retryOf(deepFreeze(end(log)), { from: 'failed' });
  expect(told(copy)).toEqual([
    ...['step.completed a', 'approval.resolved a', 'input.provided a', 'input.timed_out a', 'sleep.ended a'],
    ...['child.ended a', 'checkpoint.saved a'],
  ]);
  const control = begin(copy);
  expect(control.nodes.a).toMatchObject({
    status: 'queued',
    steps: { s1: { output: "a's s1", reused: { run: 'r1', seq: 3 } } },
    checkpoints: { c: { state: { $blob: 'y' } } },
  });
  expect(control.waits).toMatchObject({
    'a:ok': { by: 'user:bo', reused: { run: 'r1', seq: 5 }, approval: { decision: 'approved', comment: 'fine' } },
    'a:in': { status: 'answered', input: { value: { $blob: 'x' } } },
    'a:late': { status: 'timed_out', input: { value: 7 } },
    'a:nap': { status: 'answered', kind: 'sleep' },
    'a:kid': { child: { run: 'k1', outcome: 'completed', output: 'grown' } },
  });
  expect(control.waits['a:open']).toBeUndefined();
  expect(control.usage.cost).toEqual({});
});

test('[ENG-67] what made a node fail is asked, or done, again', () => {
  const log = Log.of(graph('a')).start('a');
  const at = { node: 'a', attempt: 1 };
  log
    .write('approval.requested', { approvalId: 'a:no', title: 'Go?', onReject: 'fail' }, at)
    .write('approval.resolved', { approvalId: 'a:no', decision: 'rejected' }, at)
    .write('approval.requested', { approvalId: 'a:late', title: 'Go?', onTimeout: 'fail' }, at)
    .write('approval.resolved', { approvalId: 'a:late', decision: 'timed_out' }, at)
    .write('approval.requested', { approvalId: 'a:told', title: 'Go?' }, at)
    .write('approval.resolved', { approvalId: 'a:told', decision: 'rejected' }, at)
    .write('input.requested', { inputId: 'a:in', prompt: 'n?' }, at)
    .write('input.timed_out', { inputId: 'a:in' }, at)
    .write('child.started', { childId: 'a:kid', run: 'k1', workflow: 'kid' }, at)
    .write('child.ended', { childId: 'a:kid', run: 'k1', outcome: 'failed' }, at)
    .fail('a');
  expect(Object.keys(begin(retryOf(end(log), { from: 'failed' })).waits)).toEqual(['a:told']);
  const parked = Log.of([{ id: 's', workflow: 'sub' }])
    .start('s')
    .write('child.started', { childId: 's:child-1', run: 'k1', workflow: 'sub' }, { node: 's' })
    .write('child.ended', { childId: 's:child-1', run: 'k1', outcome: 'cancelled' }, { node: 's' });
  expect(begin(retryOf(end(parked), { from: 'failed' })).waits).toEqual({});
});

describe('[ENG-62] from a node or one of its steps', () => {
  const run = () => {
    const log = Log.of(graph('a', 'b<a', 'c<b', 'x<a'))
      .run('a')
      .start('b');
    step(step(log, 'b', 's1'), 'b', 's2').write('checkpoint.saved', { key: 'k', state: 2 }, { node: 'b' });
    log.write('approval.requested', { approvalId: 'b:ok/1', title: '?' }, { node: 'b' });
    log.write('approval.resolved', { approvalId: 'b:ok/1', decision: 'approved' }, { node: 'b' });
    return step(log, 'b', 's3').complete('b').run('c', 'x').write('run.completed', {}).view.control;
  };

  test('the node and what began on its result are done again, all else is taken over', () => {
    const control = begin(retryOf(run(), { from: { node: 'b' } }));
    expect(states(control)).toEqual({ a: 'completed', b: 'queued', c: 'pending', x: 'completed' });
    expect(control.nodes.b?.steps).toEqual({});
    expect(control.waits).toEqual({});
  });

  test('what the node did before the step is taken over; the step and what came after it is not', () => {
    const from = (name: string) => begin(retryOf(run(), { from: { node: 'b', step: name } }));
    const [s2, ok, s3] = [from('s2'), from('ok/1'), from('s3')];
    expect(states(s2)).toEqual({ a: 'completed', b: 'queued', c: 'pending', x: 'completed' });
    expect(Object.keys(s2.nodes.b?.steps ?? {})).toEqual(['s1']);
    expect(s2.nodes.b?.checkpoints).toBeUndefined();
    expect(s2.waits).toEqual({});
    expect(Object.keys(ok.nodes.b?.steps ?? {})).toEqual(['s1', 's2']);
    expect(ok.nodes.b?.checkpoints).toMatchObject({ k: { state: 2 } });
    expect(ok.waits).toEqual({});
    expect(Object.keys(s3.waits)).toEqual(['b:ok/1']);
  });

  test('an unknown node or step is named', () => {
    for (const from of [{ node: 'nope' }, { node: 'b', step: 'nope' }, { node: 'a', step: 'ok/1' }])
      expect(() => retryOf(run(), { from })).toThrow(expect.objectContaining({ code: 'node_not_found', facts: from }));
  });
});

describe('[ENG-63] of a forEach', () => {
  const each = { id: 'f', task: 't', needs: ['a'], forEach: '{% a %}' };
  const expanded = () =>
    Log.of(graph('a', each, 'z<f'))
      .run('a')
      .write('graph.updated', { expand: { node: 'f', items: [1, 2, 3], count: 3 } });

  test('the items that ended well are taken over, the others run again', () => {
    const ancestor = end(expanded().run('f[0]').fail('f[1]').cancel('f[2]').fail('f'));
    const control = begin(retryOf(ancestor, { from: 'failed' }));
    const open = { 'f[1]': 'queued', 'f[2]': 'queued' };
    expect(states(control)).toEqual({ a: 'completed', f: 'running', z: 'pending', 'f[0]': 'completed', ...open });
    expect(control.nodes.f?.items).toEqual({ values: [1, 2, 3], count: 3, open: 2 });
    expect([control.unleased, control.status]).toEqual([1, 'running']);
  });

  test('a finished one is taken over with its items, an item of it can be done again alone, and it can be expanded again', () => {
    const ancestor = expanded().run('f[0]', 'f[1]', 'f[2]').write('node.completed', {}, { node: 'f' }).run('z');
    ancestor.write('run.completed', {});
    const { control } = ancestor.view;
    expect(states(begin(retryOf(control, { from: { node: 'z' } })))).toMatchObject({ f: 'completed', z: 'queued' });
    const item = begin(retryOf(control, { from: { node: 'f[1]' } }));
    expect(states(item)).toMatchObject({ f: 'running', 'f[0]': 'completed', 'f[1]': 'queued', z: 'pending' });
    const whole = begin(retryOf(control, { from: { node: 'f' } }));
    expect(states(whole)).toEqual({ a: 'completed', f: 'pending', z: 'pending' });
    expect(whole.nodes.f?.ready).toBe(true);
  });

  test('large item lists stay the blobs that they are', () => {
    const items = { $blob: 'b', bytes: 99_999, type: 'application/json' };
    const log = Log.of(graph('a', each, 'z<f'))
      .run('a')
      .write('graph.updated', { expand: { node: 'f', items, count: 1 } });
    const { inherited } = retryOf(end(log.run('f[0]')), { from: 'failed' });
    expect(inherited[1]).toMatchObject({ data: { expand: { items } } });
  });
});

describe('[ENG-65] a failure, and what followed from it, is never taken over', () => {
  test('a tolerated failure is done again, and so is what ran with its error', () => {
    const log = Log.of(graph('a', { id: 'b', task: 't', onError: 'continue' }, 'c<a,b', 'd<a'));
    const { control } = log.run('a').start('b').fail('b').run('c', 'd').write('run.completed', {}).view;
    expect(states(begin(retryOf(control, { from: 'failed' })))).toEqual({
      ...{ a: 'completed', b: 'queued', c: 'pending', d: 'completed' },
    });
  });

  test('a skip is taken over where its reason holds', () => {
    const log = Log.of(
      graph(
        'a',
        { id: 'w', task: 't', needs: ['a'], when: '{% false %}' },
        'v<w',
        { id: 'b', task: 't', onError: 'skip' },
        'c<b',
      ),
    );
    const ancestor = log.run('a').skip('w').skip('v').start('b').fail('b').skip('c').write('run.completed', {})
      .view.control;
    expect(states(begin(retryOf(ancestor, { from: 'failed' })))).toEqual({
      ...{ a: 'completed', w: 'skipped', v: 'skipped', b: 'queued', c: 'pending' },
    });
    expect(states(begin(retryOf(ancestor, { from: { node: 'a' } })))).toMatchObject({ w: 'pending', v: 'pending' });
  });

  test('a node that handles failures waits for them anew', () => {
    const ancestor = Log.of(graph({ id: 'a', task: 't', onError: 'h' }, 'h', 'z<h'))
      .start('a')
      .fail('a')
      .run('h', 'z');
    const { control } = ancestor.write('run.completed', {}).view;
    expect(states(begin(retryOf(control, { from: 'failed' })))).toEqual({
      a: 'queued',
      h: 'pending',
      z: 'pending',
    });
  });
});

test('[ENG-66] a join that was released stays released: what it lost is not run, and what it never saw does not undo it', () => {
  const nodes = graph('a', 'b', 'c', 'u<c', { id: 'j', task: 't', needs: ['a', 'b', 'c'], join: 'any' }, 'z<j');
  const log = Log.of(nodes).run('a').cancel('b').start('c').run('j', 'z').fail('c');
  const ancestor = end(log.write('node.cancelled', { reason: 'x' }, { node: 'u' }));
  const lost = ancestor.nodes.b;
  if (lost) lost.reason = 'join_lost';
  const control = begin(retryOf(ancestor, { from: 'failed' }));
  expect(states(control)).toEqual({
    ...{ a: 'completed', b: 'cancelled', c: 'queued', u: 'pending', j: 'completed', z: 'completed' },
  });
  expect(states(begin(retryOf(ancestor, { from: { node: 'a' } })))).toMatchObject({
    ...{ a: 'queued', b: 'queued', j: 'pending', z: 'pending' },
  });
});

test('[ENG-64] a fork takes over what had ended well at its seq, whatever became of the run', () => {
  const log = Log.of(graph('a', 'b<a', 'c<b'))
    .run('a')
    .start('b');
  step(log, 'b', 's1');
  const seq = log.view.seq;
  const then = structuredClone(log.view.control);
  log.write('approval.requested', { approvalId: 'b:ok', title: '?' }, { node: 'b' }).complete('b').run('c');
  const copy = forkOf(deepFreeze(then), { seq });
  expect(copy.data.lineage).toEqual({ forkOf: { run: 'r1', seq } });
  const control = begin(copy);
  expect(states(control)).toEqual({ a: 'completed', b: 'queued', c: 'pending' });
  expect(control.nodes.b?.steps.s1?.reused).toEqual({ run: 'r1', seq });
  expect(control.status).toBe('created');
});

test('[ENG-68] a live run, an external run and a run in which nothing failed are refused, with what is allowed', () => {
  const refusal = (facts: object) => expect.objectContaining({ code: 'invalid_transition', facts });
  const running = Log.of(graph('a')).start('a');
  const paused = new Log();
  paused.view = structuredClone(running.view);
  expect(() => retryOf(running.view.control, { from: 'failed' })).toThrow(
    refusal({ from: 'running', to: 'retry', allowed: ['completed', 'failed', 'cancelled'] }),
  );
  expect(() => retryOf(paused.write('run.paused', {}).view.control, { from: 'start' })).toThrow(
    refusal(expect.objectContaining({ from: 'paused' })),
  );
  const fine = Log.of(graph('a')).run('a').write('run.completed', {}).view.control;
  expect(() => retryOf(fine, { from: 'failed' })).toThrow(refusal(expect.objectContaining({ from: 'completed' })));
  const external = end(Log.of([], { external: true }).run('a'));
  for (const copy of [() => retryOf(external, { from: 'start' }), () => forkOf(external, { seq: 1 })])
    expect(copy).toThrow(refusal(expect.objectContaining({ allowed: [] })));
});

/** What the tables allow and the engine never does: a skip that nothing asked for, a forEach with an attempt. */
function isOdd(node: NodeView): boolean {
  const skippedAtWill = node.status === 'skipped' && node.needs.dead + node.needs.skipped === 0;
  return skippedAtWill || (node.items !== undefined && node.attempt > 0);
}

test('[ENG-69] of any log, at any place, a copy is lawful, well-formed and holds every result that it takes over', () => {
  for (let seed = 1; seed <= 120; seed++) {
    let control = emptyControl('r1');
    for (const event of live(seed)) {
      control = foldControl(control, event);
      if (control.external || event.seq % 7 > 0 || Object.values(control.nodes).some(isOdd)) continue;
      const copies = [forkOf(control, { seq: event.seq })];
      if (isTerminal(control.status)) {
        for (const node of Object.keys(control.nodes)) copies.push(retryOf(control, { from: { node } }));
      }
      for (const copy of copies) {
        const made = begin(copy);
        for (const node of Object.values(made.nodes).filter(({ reused }) => reused)) {
          expect(node).toMatchObject({ status: 'completed' });
          expect(node.output).toEqual(control.nodes[node.id]?.output);
        }
        for (const node of Object.values(made.nodes)) {
          if (node.status === 'failed') throw new Error(`seed ${seed}: a failure of ${node.id} was copied`);
          if (isNodeEnded(node.status)) expect(control.nodes[node.id]?.status).toBe(node.status);
        }
      }
    }
  }
});
