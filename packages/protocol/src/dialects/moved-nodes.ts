import type { RunEvent } from '../event.ts';
import { isWaitEvent } from '../fold-wait.ts';
import { graphIndex } from '../graph-index.ts';
import { isNodeEnded, type NodeState } from '../node.ts';
import { isTerminal, type RunState } from '../run.ts';
import type { NodeView, RunView } from '../view.ts';

/** A node that an event has taken from one state to another, by itself or by what it implies. */
export interface MovedNode {
  node: NodeView;
  from: NodeState;
  to: NodeState;
}

/**
 * The nodes that an event moved, its own node first: written moves, needs that were satisfied, answered waits, and
 * what the end of a run cancels. `view` is the fold up to and including the event. Looks at no more nodes than the
 * fold of the event did.
 */
export function movedNodes(view: RunView, event: RunEvent): MovedNode[] {
  const moved: MovedNode[] = [];
  const seen = new Set<string>();
  for (const id of touched(view, event)) {
    const node = view.control.nodes[id];
    if (!node || seen.has(id) || !hasMoved(node, event)) continue;
    seen.add(id);
    moved.push({ node, from: stateBefore(node, event.seq), to: node.status });
  }
  return moved;
}

/** Ids of all nodes that the event can have moved. */
function* touched({ control }: RunView, event: RunEvent): Iterable<string> {
  if (event.type.startsWith('node.') || event.type === 'attempt.lost') {
    const id = event.node ?? '';
    yield id;
    const node = control.nodes[id];
    if (!node || !isNodeEnded(node.status) || node.parent !== undefined) return;
    const { dependants, handlerOf } = graphIndex(control.graph);
    yield* dependants.get(id) ?? [];
    const handler = handlerOf.get(id);
    if (handler !== undefined) yield handler;
  } else if (isWaitEvent(event)) {
    if (event.node !== undefined) yield event.node;
  } else if (event.type === 'graph.updated' || event.type === 'run.created' || isTerminal(control.status)) {
    yield* Object.keys(control.nodes);
  }
}

function hasMoved({ id, status, queuedSeq, startedSeq, endedSeq }: NodeView, { seq, node, type }: RunEvent): boolean {
  if (status === 'waiting') return node === id && type === 'node.waiting';
  if (status === 'retrying') return node === id && type === 'node.retrying';
  return queuedSeq === seq || startedSeq === seq || endedSeq === seq;
}

/** The state that a node left by its move at `seq`. A node is pending only until it is first queued or started. */
function stateBefore({ status, left, queuedSeq, startedSeq }: NodeView, seq: number): NodeState {
  if (left !== undefined) return left;
  if (status === 'running') return queuedSeq === undefined ? 'pending' : 'queued';
  if (startedSeq === undefined) return queuedSeq === undefined || queuedSeq === seq ? 'pending' : 'queued';
  return status !== 'queued' && queuedSeq !== undefined && queuedSeq > startedSeq ? 'queued' : 'running';
}

/** The state that the run came to by this event, written or implied; undefined where it stayed in its state. */
export function runMovedTo({ control }: RunView, event: RunEvent): RunState | undefined {
  return event.type === 'run.created' || control.statusSeq === event.seq ? control.status : undefined;
}
