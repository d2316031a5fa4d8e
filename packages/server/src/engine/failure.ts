import {
  type ControlView,
  definitionId,
  graphIndex,
  type NewEvent,
  type NodeView,
  type RunError,
} from '@millrace/protocol';
import { nextDelay } from './retry-policy.ts';

/** How a failed attempt ends its node: with another attempt to come where the retry policy has one left. */
export function failure(control: ControlView, node: NodeView, error: RunError, now: number, by: string): NewEvent {
  const policy = graphIndex(control.graph).nodes.get(definitionId(node.id))?.retry;
  const delay = control.status === 'stopping' ? undefined : nextDelay(policy, node.retries, error);
  const where = { node: node.id, attempt: node.attempt, by };
  return delay === undefined
    ? { type: 'node.failed', ...where, data: { error: { ...error, node: node.id } } }
    : { type: 'node.retrying', ...where, data: { error: { ...error, node: node.id }, nextAt: now + delay } };
}
