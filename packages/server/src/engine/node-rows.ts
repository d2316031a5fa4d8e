import {
  type ControlView,
  definitionId,
  graphIndex,
  type NodeState,
  type NodeView,
  type Trace,
} from '@millrace/protocol';
import type { LeaseRow, Part, QueueRow, RunKey, SlotChange } from '../store/store.ts';

/** What a flush knows beside the view: who claimed what, and for how long. */
export interface Placement {
  key: RunKey;
  at: number;
  leaseMs: number;
  /** node → the server's boot, of attempts that started in this flush and live in its process */
  boots: ReadonlyMap<string, string>;
  /** every queued node gets a row again (the run was resumed) */
  enqueueAll: boolean;
}

/** The queue, lease and slot rows that follow from what moved. Rows are derived, never kept beside the log. */
export function nodeRows(control: ControlView, trace: Trace, placement: Placement): Partial<Part> {
  const enqueue: QueueRow[] = [];
  const dequeue: string[] = [];
  const lease: LeaseRow[] = [];
  const release: string[] = [];
  const slots: SlotChange[] = [];
  const starts: NonNullable<Part['starts']> = [];
  const dispatches = control.status === 'created' || control.status === 'running';
  const before = new Map<string, NodeState>();
  for (const { id, from } of trace.nodes) if (!before.has(id)) before.set(id, from);
  if (placement.enqueueAll)
    for (const id in control.nodes)
      if (control.nodes[id]?.status === 'queued' && !before.has(id)) before.set(id, 'pending');
  for (const [id, from] of before) {
    const node = control.nodes[id] as NodeView;
    if (node.status === 'queued' && dispatches && !isUnleased(control, node))
      enqueue.push(queueRow(control, node, placement));
    else if (from === 'queued') dequeue.push(id);
    if (isUnleased(control, node)) continue;
    const runs = node.status === 'running';
    if (from === 'running') release.push(id);
    if (runs && placement.boots.has(id)) lease.push(leaseRow(node, placement));
    if (runs !== (from === 'running')) countSlots(slots, control, node, runs ? 1 : -1);
    const rate = definitionOf(control, node)?.rate;
    if (runs && from !== 'running' && rate) starts.push({ queue: queueOf(control, node), ...rate, at: placement.at });
  }
  return {
    ...(enqueue.length > 0 ? { enqueue } : {}),
    ...(dequeue.length > 0 ? { dequeue } : {}),
    ...(lease.length > 0 ? { lease } : {}),
    ...(release.length > 0 ? { release } : {}),
    ...(slots.length > 0 ? { slots } : {}),
    ...(starts.length > 0 ? { starts } : {}),
  };
}

/** Rows of the nodes that these moves have just queued and that nothing holds back: no slot, no rate, no delay. */
export function readyRows(control: ControlView, trace: Trace, { key, at }: Pick<Placement, 'key' | 'at'>): QueueRow[] {
  if (control.status !== 'created' && control.status !== 'running') return [];
  const rows: QueueRow[] = [];
  for (const id of new Set(trace.nodes.map((moved) => moved.id))) {
    const node = control.nodes[id] as NodeView;
    if (node.status !== 'queued' || isUnleased(control, node)) continue;
    const row = queueRow(control, node, { key, at });
    if (!row.slots && !row.rate && row.at <= at) rows.push(row);
  }
  return rows;
}

/** The engine's own nodes (a forEach, a sub-workflow) hold no lease. */
export function isUnleased(control: ControlView, node: NodeView): boolean {
  return node.items !== undefined || definitionOf(control, node)?.workflow !== undefined;
}

function definitionOf(control: ControlView, node: NodeView) {
  return graphIndex(control.graph).nodes.get(definitionId(node.id));
}

function queueOf(control: ControlView, node: NodeView): string {
  return definitionOf(control, node)?.queue ?? control.options.queue ?? 'default';
}

function limitsOf(control: ControlView, node: NodeView): { key: string; limit: number }[] {
  const ofNode = definitionOf(control, node)?.concurrency;
  const ofRun = control.options.concurrency;
  return [
    ...(ofNode ? [{ key: `node/${ofNode.key}`, limit: ofNode.limit }] : []),
    ...(ofRun ? [{ key: `run/${ofRun.key}`, limit: ofRun.limit }] : []),
  ];
}

function countSlots(slots: SlotChange[], control: ControlView, node: NodeView, delta: 1 | -1): void {
  const queue = queueOf(control, node);
  for (const { key, limit } of limitsOf(control, node)) {
    const known = slots.find((change) => change.queue === queue && change.key === key);
    if (known) known.delta += delta;
    else slots.push({ queue, key, delta, limit });
  }
}

function queueRow(control: ControlView, node: NodeView, { key, at }: Pick<Placement, 'key' | 'at'>): QueueRow {
  const definition = definitionOf(control, node);
  const slots = limitsOf(control, node);
  return {
    ...key,
    node: node.id,
    task: node.task ?? node.id,
    ...(node.version === undefined ? {} : { version: node.version }),
    queue: queueOf(control, node),
    priority: definition?.priority ?? control.options.priority ?? 0,
    at: Math.max(at, control.options.delayUntil ?? 0),
    ...(slots.length > 0 ? { slots } : {}),
    ...(definition?.rate ? { rate: definition.rate } : {}),
  };
}

function leaseRow(node: NodeView, { key, at, leaseMs, boots }: Placement): LeaseRow {
  return {
    ...key,
    node: node.id,
    attempt: node.attempt,
    worker: node.worker ?? '',
    boot: boots.get(node.id) ?? '',
    expires: at + leaseMs,
  };
}
