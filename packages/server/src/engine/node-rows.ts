import {
  type ControlView,
  definitionId,
  graphIndex,
  type NodeState,
  type NodeView,
  type Trace,
} from '@millrace/protocol';
import type { LeaseRow, Part, QueueRow, RunKey } from '../store/store.ts';

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

/** Adds to a part the queue, lease and slot rows that follow from what moved. Rows are derived, never kept beside the log. */
export function addNodeRows(part: Part, control: ControlView, moved: Trace['nodes'], placement: Placement): void {
  const dispatches = control.status === 'created' || control.status === 'running';
  const move = (id: string, from: NodeState) => {
    const node = control.nodes[id] as NodeView;
    const unleased = isUnleased(control, node);
    if (node.status === 'queued' && dispatches && !unleased) {
      part.enqueue ??= [];
      part.enqueue.push(queueRow(control, node, placement));
    } else if (from === 'queued') {
      part.dequeue ??= [];
      part.dequeue.push(id);
    }
    if (unleased) return;
    const runs = node.status === 'running';
    if (from === 'running') {
      part.release ??= [];
      part.release.push(id);
    }
    if (runs && placement.boots.has(id)) {
      part.lease ??= [];
      part.lease.push(leaseRow(node, placement));
    }
    if (runs !== (from === 'running')) countSlots(part, control, node, runs ? 1 : -1);
    const rate = runs && from !== 'running' ? definitionOf(control, node)?.rate : undefined;
    if (rate) {
      part.starts ??= [];
      part.starts.push({ queue: queueOf(control, node), ...rate, at: placement.at });
    }
  };
  eachFirst(moved, move);
  if (!placement.enqueueAll) return;
  const known = new Set(moved.map(({ id }) => id));
  for (const id in control.nodes) if (control.nodes[id]?.status === 'queued' && !known.has(id)) move(id, 'pending');
}

/** Each node that moved, once, with the state that it was in before. */
function eachFirst(moved: Trace['nodes'], act: (id: string, from: NodeState) => void): void {
  if (moved.length > FEW) {
    const first = new Map<string, NodeState>();
    for (const { id, from } of moved) if (!first.has(id)) first.set(id, from);
    first.forEach((from, id) => {
      act(id, from);
    });
    return;
  }
  for (const [place, { id, from }] of moved.entries()) {
    if (moved.findIndex((other) => other.id === id) === place) act(id, from);
  }
}

/** Up to so many moves are looked through; more are put into a map first. */
const FEW = 8;

/** Rows of the nodes that these moves have just queued and that nothing holds back: no slot, no rate, no delay. */
export function readyRows(
  control: ControlView,
  moved: Trace['nodes'],
  { key, at }: Pick<Placement, 'key' | 'at'>,
): QueueRow[] {
  if (control.status !== 'created' && control.status !== 'running') return [];
  const rows: QueueRow[] = [];
  eachFirst(moved, (id) => {
    const node = control.nodes[id] as NodeView;
    if (node.status !== 'queued' || isUnleased(control, node)) return;
    const row = queueRow(control, node, { key, at });
    if (!row.slots && !row.rate && row.at <= at) rows.push(row);
  });
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

function limitsOf(control: ControlView, node: NodeView): readonly { key: string; limit: number }[] {
  const ofNode = definitionOf(control, node)?.concurrency;
  const ofRun = control.options.concurrency;
  if (!ofNode && !ofRun) return NO_LIMITS;
  return [
    ...(ofNode ? [{ key: `node/${ofNode.key}`, limit: ofNode.limit }] : []),
    ...(ofRun ? [{ key: `run/${ofRun.key}`, limit: ofRun.limit }] : []),
  ];
}

const NO_LIMITS: readonly { key: string; limit: number }[] = [];

function countSlots(part: Part, control: ControlView, node: NodeView, delta: 1 | -1): void {
  for (const { key, limit } of limitsOf(control, node)) {
    const queue = queueOf(control, node);
    part.slots ??= [];
    const known = part.slots.find((change) => change.queue === queue && change.key === key);
    if (known) known.delta += delta;
    else part.slots.push({ queue, key, delta, limit });
  }
}

function queueRow(control: ControlView, node: NodeView, { key, at }: Pick<Placement, 'key' | 'at'>): QueueRow {
  const definition = definitionOf(control, node);
  const row: QueueRow = {
    tenant: key.tenant,
    run: key.run,
    node: node.id,
    task: node.task ?? node.id,
    queue: queueOf(control, node),
    priority: definition?.priority ?? control.options.priority ?? 0,
    at: Math.max(at, control.options.delayUntil ?? 0),
  };
  if (node.version !== undefined) row.version = node.version;
  const slots = limitsOf(control, node);
  if (slots.length > 0) row.slots = [...slots];
  if (definition?.rate) row.rate = definition.rate;
  return row;
}

function leaseRow(node: NodeView, { key, at, leaseMs, boots }: Placement): LeaseRow {
  return {
    tenant: key.tenant,
    run: key.run,
    node: node.id,
    attempt: node.attempt,
    worker: node.worker ?? '',
    boot: boots.get(node.id) ?? '',
    expires: at + leaseMs,
  };
}
