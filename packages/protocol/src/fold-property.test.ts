import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fresh } from './draft.ts';
import type { RunEvent } from './event.ts';
import { isControl } from './event-kind.ts';
import { fold } from './fold.ts';
import { foldControl } from './fold-control.ts';
import { definitionId } from './graph.ts';
import { graphIndex } from './graph-index.ts';
import { live } from './life.suite.ts';
import { deepFreeze } from './log.suite.ts';
import { isNodeEnded, type NodeState } from './node.ts';
import { isTerminal } from './run.ts';
import { type ControlView, emptyControl, emptyView, type RunView } from './view.ts';

/** Every property is checked over the same thousands of events; a failure names the life's seed. */
const check = (property: (events: RunEvent[], seed: number) => void) =>
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => property(live(seed), seed)),
    { numRuns: 150, seed: 2_026 },
  );

const foldAll = (events: readonly RunEvent[]): RunView =>
  events.reduce((view, event) => fold(view, event), emptyView('r1'));

function recount(control: ControlView) {
  const counts = { ...emptyControl('').counts };
  let unleased = 0;
  const open: Record<string, number> = {};
  const index = graphIndex(control.graph);
  for (const node of Object.values(control.nodes)) {
    counts[node.status] += 1;
    const own = node.items !== undefined || index.nodes.get(definitionId(node.id))?.workflow !== undefined;
    if (node.status === 'running' && own) unleased += 1;
    if (node.parent !== undefined) open[node.parent] = (open[node.parent] ?? 0) + (isNodeEnded(node.status) ? 0 : 1);
  }
  const openWaits = Object.values(control.waits).filter((wait) => wait.status === 'open').length;
  return { counts, unleased, openWaits, open };
}

test('[PRO-17] after every event the counts are what a recount gives, and never negative', () => {
  check((events) => {
    const control = emptyControl('r1');
    for (const event of events) {
      if (!isControl(event.type)) continue;
      foldControl(control, event);
      const { open, ...counted } = recount(control);
      expect({ counts: control.counts, unleased: control.unleased, openWaits: control.openWaits }).toEqual(counted);
      if (isTerminal(control.status)) continue;
      for (const node of Object.values(control.nodes)) {
        if (node.items) expect(node.items.open, node.id).toBe(open[node.id] ?? 0);
      }
    }
  });
});

test('[PRO-15] needs are what a recount of the ended nodes gives, however the graph has grown', () => {
  check((events) => {
    const { control } = foldAll(events);
    if (isTerminal(control.status)) return;
    const index = graphIndex(control.graph);
    const ended = (ids: readonly string[]) => ids.filter((id) => isNodeEnded(control.nodes[id]?.status as NodeState));
    for (const node of Object.values(control.nodes)) {
      if (node.parent !== undefined) continue;
      const needs = index.nodes.get(node.id)?.needs ?? [];
      expect(node.needs.total).toBe(needs.length);
      expect(node.needs.ok + node.needs.skipped + node.needs.dead).toBe(ended(needs).length);
      const handled = index.handles.get(node.id) ?? [];
      if (node.handles) expect(node.handles.failed + node.handles.well).toBe(ended(handled).length);
      expect(node.handles?.total ?? 0).toBe(handled.length);
    }
  });
});

test('the trace tells every move of a node, and every node that became ready', () => {
  check((events) => {
    const control = emptyControl('r1');
    const states: Record<string, NodeState> = {};
    for (const event of events) {
      if (!isControl(event.type)) continue;
      const trace = { nodes: [], ready: [] } as Parameters<typeof foldControl>[3] & object;
      const before = new Set(Object.values(control.nodes).flatMap((node) => (node.ready ? [node.id] : [])));
      foldControl(control, event, undefined, trace);
      for (const { id, from, to } of trace.nodes) {
        expect(states[id] ?? 'pending').toBe(from);
        states[id] = to;
      }
      for (const node of Object.values(control.nodes)) {
        expect(states[node.id] ?? 'pending').toBe(node.status);
        if (node.ready && !before.has(node.id)) expect(trace.ready).toContain(node.id);
      }
    }
  });
});

test('[PRO-21] folding with copies, a frame at a time, equals folding in place, and a published view never changes', () => {
  check((events, seed) => {
    const inPlace = emptyView('r1');
    let published = deepFreeze(emptyView('r1'));
    const frame = 1 + (seed % 9);
    for (let at = 0; at < events.length; at += frame) {
      const fresh: Fresh = new WeakSet();
      for (const event of events.slice(at, at + frame)) {
        published = fold(published, deepFreeze(event), fresh);
        fold(inPlace, event);
      }
      deepFreeze(published);
      expect(published).toEqual(inPlace);
    }
  });
});

test('[PRO-28] a stored view goes on from any point', () => {
  check((events, seed) => {
    const cut = seed % events.length;
    const stored = JSON.parse(JSON.stringify(foldAll(events.slice(0, cut)))) as RunView;
    expect(events.slice(cut).reduce((view, event) => fold(view, event), stored)).toEqual(foldAll(events));
  });
});

test('the control view alone is the control part of the whole view', () => {
  check((events) => {
    const control = emptyControl('r1');
    for (const event of events) if (isControl(event.type)) foldControl(control, event);
    expect(control).toEqual(foldAll(events).control);
  });
});
