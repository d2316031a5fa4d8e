import type { NodeView, Origin, Restart } from './view.ts';

/**
 * Whether the start of a newer attempt retracts an item: one that an older attempt told inside a step that had not
 * completed by then, or outside steps after the node's last durable result.
 */
export function retracts(node: NodeView, restart: Restart, item: Origin): boolean {
  if (item.node !== node.id || item.seq > restart.seq || (item.attempt ?? 0) >= restart.attempt) return false;
  if (item.step === undefined) return item.seq > restart.durable;
  const step = node.steps[item.step];
  return step?.status !== 'completed' || step.seq > restart.seq;
}

/**
 * Whether something that a run told has been retracted by a newer attempt of its node. `node` is the node as it is now:
 * what is read from the log by range is judged as what the view still holds.
 */
export function isSuperseded(node: NodeView | undefined, item: Origin): boolean {
  return node?.restarts?.some((restart) => retracts(node, restart, item)) ?? false;
}

/** Whether no later attempt can retract the item any more. */
export function isSettled(node: NodeView | undefined, { seq, step }: Origin): boolean {
  if (!node) return true;
  return step === undefined ? seq <= (node.durableSeq ?? 0) : node.steps[step]?.status === 'completed';
}
