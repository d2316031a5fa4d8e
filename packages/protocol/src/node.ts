import type { EventType } from './event.ts';

/** A node's states. `completed`, `failed`, `skipped` and `cancelled` are terminal. */
export type NodeState =
  | 'pending'
  | 'queued'
  | 'running'
  | 'waiting'
  | 'retrying'
  | 'completed'
  | 'failed'
  | 'skipped'
  | 'cancelled';

export type NodeMove = Extract<
  EventType,
  | 'node.queued'
  | 'node.started'
  | 'node.retrying'
  | 'node.waiting'
  | 'node.parked'
  | 'node.completed'
  | 'node.failed'
  | 'node.skipped'
  | 'node.cancelled'
  | 'attempt.lost'
>;

/**
 * Where each event takes a node, null = refused. Complete by type: a missing cell does not compile.
 * `pending → running` is for the engine's own nodes (a forEach, a sub-workflow): no lease, never hung.
 * `pending → completed` is a reused result or a forEach of nothing. In a stopping run `attempt.lost` and
 * `node.parked` take the node to cancelled instead.
 */
export const nodeTable: Record<NodeState, Record<NodeMove, NodeState | null>> = {
  pending: {
    'node.queued': 'queued',
    'node.started': 'running',
    'node.retrying': null,
    'node.waiting': null,
    'node.parked': null,
    'node.completed': 'completed',
    'node.failed': 'failed',
    'node.skipped': 'skipped',
    'node.cancelled': 'cancelled',
    'attempt.lost': null,
  },
  queued: {
    'node.queued': null,
    'node.started': 'running',
    'node.retrying': null,
    'node.waiting': null,
    'node.parked': null,
    'node.completed': null,
    'node.failed': 'failed',
    'node.skipped': null,
    'node.cancelled': 'cancelled',
    'attempt.lost': null,
  },
  running: {
    'node.queued': null,
    'node.started': null,
    'node.retrying': 'retrying',
    'node.waiting': 'waiting',
    'node.parked': 'queued',
    'node.completed': 'completed',
    'node.failed': 'failed',
    'node.skipped': null,
    'node.cancelled': 'cancelled',
    'attempt.lost': 'queued',
  },
  waiting: {
    'node.queued': 'queued',
    'node.started': null,
    'node.retrying': null,
    'node.waiting': null,
    'node.parked': null,
    'node.completed': null,
    'node.failed': 'failed',
    'node.skipped': null,
    'node.cancelled': 'cancelled',
    'attempt.lost': null,
  },
  retrying: {
    'node.queued': 'queued',
    'node.started': null,
    'node.retrying': null,
    'node.waiting': null,
    'node.parked': null,
    'node.completed': null,
    'node.failed': null,
    'node.skipped': null,
    'node.cancelled': 'cancelled',
    'attempt.lost': null,
  },
  completed: ended(),
  failed: ended(),
  skipped: ended(),
  cancelled: ended(),
};

function ended(): Record<NodeMove, null> {
  return {
    'node.queued': null,
    'node.started': null,
    'node.retrying': null,
    'node.waiting': null,
    'node.parked': null,
    'node.completed': null,
    'node.failed': null,
    'node.skipped': null,
    'node.cancelled': null,
    'attempt.lost': null,
  };
}

export function isNodeEnded(state: NodeState): boolean {
  return state === 'completed' || state === 'failed' || state === 'skipped' || state === 'cancelled';
}

export function nodeMovesFrom(state: NodeState): NodeState[] {
  return [...new Set(Object.values(nodeTable[state]))].filter((to): to is NodeState => to !== null);
}
