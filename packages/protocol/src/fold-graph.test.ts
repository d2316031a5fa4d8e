import { describe, expect, test } from 'vitest';
import { graph, Log } from './log.suite.ts';
import { liveAttempts } from './node-counts.ts';

describe('[PRO-15] what the end of a need means for those that need it', () => {
  test('join all runs when every need has ended well', () => {
    const log = Log.of(graph('a', 'b', 'c<a,b')).run('a');
    expect(log.status('c')).toBe('pending');
    expect(log.run('b').status('c')).toBe('queued');
  });

  test('a skipped need satisfies join all, unless all are skipped', () => {
    const when = { id: 's', task: 't', when: '{% false %}' };
    const one = Log.of(graph('a', when, 'c<a,s'))
      .skip('s')
      .run('a');
    expect(one.status('c')).toBe('queued');
    const all = Log.of(graph(when, 'c<s')).skip('s');
    expect(all.status('c')).toBe('pending');
    expect(all.view.control.nodes.c?.needs).toEqual({ total: 1, ok: 0, skipped: 1, dead: 0 });
  });

  test('join any runs with the first completed need, not with a skipped or failed one', () => {
    const any = { id: 'c', task: 't', needs: ['a', 'b', 'd'], join: 'any' as const };
    const log = Log.of(graph('a', 'b', 'd', any))
      .start('a')
      .fail('a');
    expect(log.status('c')).toBe('pending');
    log.run('b');
    expect(log.view.control.nodes.c).toMatchObject({ status: 'queued', queuedSeq: log.view.seq });
    log.run('d');
    expect(log.view.control.nodes.c?.needs).toEqual({ total: 3, ok: 2, skipped: 0, dead: 1 });
  });

  test.each([
    ['fail', 'dead', 'pending'],
    ['skip', 'dead', 'pending'],
    ['h', 'dead', 'pending'],
    ['continue', 'ok', 'queued'],
  ])('a failed need with onError %s counts as %s', (onError, outcome, status) => {
    const nodes = graph({ id: 'a', task: 't', onError }, 'b<a', ...(onError === 'h' ? ['h'] : []));
    const log = Log.of(nodes).start('a').fail('a');
    expect(log.view.control.nodes.b).toMatchObject({ status, needs: { [outcome]: 1 } });
  });

  test('a handler runs with the error of the node that failed, and waits while none has', () => {
    const nodes = graph({ id: 'a', task: 't', onError: 'h' }, { id: 'b', task: 't', onError: 'h' }, 'h');
    const failed = Log.of(nodes).run('a');
    expect(failed.status('h')).toBe('pending');
    failed.start('b').fail('b');
    expect(failed.view.control.nodes.h).toMatchObject({
      status: 'queued',
      handles: { total: 2, failed: 1, well: 1, error: { code: 'task_failed' } },
    });
    const well = Log.of(nodes).run('a', 'b');
    expect(well.view.control.nodes.h).toMatchObject({ status: 'pending', handles: { total: 2, failed: 0, well: 2 } });
  });

  test('what has to be evaluated is ready, not queued, until its result is written', () => {
    const log = Log.of(graph('a', { id: 'b', task: 't', needs: ['a'], input: { x: ['{% $.a %}'] } })).run('a');
    expect(log.view.control.nodes.b).toMatchObject({ status: 'pending', ready: true });
    log.write('node.queued', { input: { x: [1] } }, { node: 'b' });
    expect(log.view.control.nodes.b).toMatchObject({ status: 'queued', input: { x: [1] } });
    expect(log.view.control.nodes.b).not.toHaveProperty('ready');
  });
});

describe('[PRO-16] forEach', () => {
  const each = { id: 'e', task: 't', forEach: '{% $.list %}' };
  const expanded = (count: number) =>
    Log.of(graph(each, 'after<e')).write('graph.updated', {
      expand: { node: 'e', count, items: Array.from({ length: count }, (_, n) => n) },
    });

  test('turns into its items, runs without a lease, and starts the run', () => {
    const log = expanded(3);
    expect(log.states).toEqual({
      e: 'running',
      after: 'pending',
      'e[0]': 'queued',
      'e[1]': 'queued',
      'e[2]': 'queued',
    });
    expect(log.view.control).toMatchObject({ status: 'running', unleased: 1 });
    expect(liveAttempts(log.view.control)).toBe(0);
    expect(log.view.control.nodes['e[1]']).toMatchObject({ parent: 'e', index: 1, task: 't' });
  });

  test('counts the items that are open, however they end, and releases nobody before it ends itself', () => {
    const log = expanded(3).run('e[2]').start('e[0]').fail('e[0]').cancel('e[1]');
    expect(log.view.control.nodes.e?.items).toMatchObject({ count: 3, open: 0 });
    expect(log.status('after')).toBe('pending');
    log.write('node.completed', {}, { node: 'e' });
    expect(log.status('after')).toBe('queued');
    expect(log.view.control.unleased).toBe(0);
  });

  test('evaluates each item’s own input where it has expressions, but not the condition again', () => {
    const item = { ...each, when: '{% true %}', input: '{% $item %}' };
    const log = Log.of(graph(item)).write('graph.updated', { expand: { node: 'e', count: 1, items: [7] } });
    expect(log.view.control.nodes['e[0]']).toMatchObject({ status: 'pending', ready: true });
    const plain = Log.of(graph({ ...each, when: '{% true %}' }));
    plain.write('graph.updated', { expand: { node: 'e', count: 1, items: [7] } });
    expect(plain.status('e[0]')).toBe('queued');
  });

  test('of nothing completes out of pending', () => {
    const log = Log.of(graph(each, 'after<e')).write('node.completed', { output: [] }, { node: 'e' });
    expect(log.states).toEqual({ e: 'completed', after: 'queued' });
  });
});

describe('a graph that grows', () => {
  test('counts needs that ended before, and failures that were before', () => {
    const log = Log.of(graph('a', 'f', 'h')).run('a');
    log.write('graph.updated', { add: graph('b<a', 'c<a,b') });
    expect(log.states).toMatchObject({ b: 'queued', c: 'pending' });
    expect(log.run('b').status('c')).toBe('queued');
    expect(log.view.control.graph.map((node) => node.id)).toEqual(['a', 'f', 'h', 'b', 'c']);
  });

  test('gives a handler more to handle', () => {
    const log = Log.of(graph({ id: 'a', task: 't', onError: 'h' }, 'h')).start('a');
    log.write('graph.updated', { add: graph({ id: 'b', task: 't', onError: 'h' }) }).complete('a');
    expect(log.view.control.nodes.h).toMatchObject({ status: 'pending', handles: { total: 2, failed: 0, well: 1 } });
  });

  test('never changes the event that made it', () => {
    const nodes = graph('a');
    const log = new Log().write('run.created', { workflow: 'w', nodes, input: null });
    log.write('graph.updated', { add: graph('b') });
    expect(log.events[0]?.data).toEqual({ workflow: 'w', nodes, input: null });
    expect(nodes).toHaveLength(1);
  });
});

test('a sub-workflow holds no lease while it runs', () => {
  const log = Log.of([{ id: 's', workflow: 'other' }]);
  expect(log.view.control.nodes.s).toMatchObject({ status: 'pending', ready: true });
  log.write('node.started', {}, { node: 's', attempt: 1 });
  expect(log.view.control).toMatchObject({ unleased: 1, counts: { running: 1 } });
  expect(log.view.control.nodes.s).not.toHaveProperty('task');
  log.complete('s');
  expect(log.view.control.unleased).toBe(0);
});
