import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isControl } from '../event-kind.ts';
import { fold } from '../fold.ts';
import { foldControl, type Trace } from '../fold-control.ts';
import { live } from '../life.suite.ts';
import { graph, Log } from '../log.suite.ts';
import { emptyControl, emptyView } from '../view.ts';
import { movedNodes, runMovedTo } from './moved-nodes.ts';

test('[DIA-3] every move of a node, written or implied, is known from the view after it: which, from where, to where', () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      let view = emptyView('r1');
      const control = emptyControl('r1');
      for (const event of live(seed, 200)) {
        view = fold(view, event);
        const trace: Trace = { nodes: [], ready: [] };
        if (isControl(event.type)) foldControl(control, event, undefined, trace);
        const told = movedNodes(view, event).map(({ node, from, to }) => `${node.id}: ${from} → ${to}`);
        expect(told.toSorted(), JSON.stringify(event)).toEqual(
          trace.nodes.map(({ id, from, to }) => `${id}: ${from} → ${to}`).toSorted(),
        );
        for (const { from, to } of trace.nodes) kinds.add(`${from} → ${to}`);
      }
    }),
    { seed: 2_026, numRuns: 200 },
  );
  // the lives reach what is hard to tell apart
  for (const from of ['running', 'waiting', 'retrying']) expect(kinds).toContain(`${from} → cancelled`);
  for (const from of ['pending', 'running', 'waiting', 'retrying']) expect(kinds).toContain(`${from} → queued`);
  for (const from of ['pending', 'queued', 'running', 'waiting']) expect(kinds).toContain(`${from} → failed`);
});

test('[DIA-3] a start that is implied is a move of the run, once', () => {
  const log = Log.of(graph('a', 'b<a')).run('a', 'b').write('run.completed', {});
  let view = emptyView('r1');
  const moves = log.events.map((event) => {
    view = fold(view, event);
    return runMovedTo(view, event);
  });
  expect(moves).toEqual(['created', 'running', undefined, undefined, undefined, 'completed']);
});
