import type { ControlView, NewEvent } from '@millrace/protocol';
import type { DueCommand } from './command.ts';
import { resolve } from './decide-user.ts';
import { failure } from './failure.ts';
import { isUnleased } from './node-rows.ts';
import { type DecideContext, type Outcome, write } from './outcome.ts';

/** A sleep is over, or nobody answered an approval or an input in time. */
export function waitTimeout(
  control: ControlView,
  command: Extract<DueCommand, { type: 'wait-timeout' }>,
  { now }: DecideContext,
): Outcome {
  const wait = control.waits[command.wait];
  if (wait?.status !== 'open') return { kind: 'nothing' };
  const where = wait.node === '' ? {} : { node: wait.node };
  if (wait.sleep) return write([{ type: 'sleep.ended', ...where, by: 'system', data: { sleepId: wait.id } }]);
  if (wait.timeoutAt !== command.timeoutAt) return { kind: 'nothing' };
  if (wait.input) {
    const value = wait.input.default;
    return write([
      {
        type: 'input.timed_out',
        ...where,
        by: 'system',
        data: { inputId: wait.id, ...(value === undefined ? {} : { value }) },
      },
    ]);
  }
  const { approval } = wait;
  const [next, ...rest] = approval?.escalateTo ?? [];
  if (!approval || (approval.onTimeout === 'escalate' && next)) {
    if (!approval || !next) return { kind: 'nothing' };
    const { title, details, options, onReject } = approval;
    return write([
      {
        type: 'approval.requested',
        ...where,
        by: 'system',
        data: {
          ...{ approvalId: wait.id, title, onTimeout: 'escalate', timeoutAt: now + next.timeout, escalateTo: rest },
          ...(details === undefined ? {} : { details }),
          ...(options ? { options } : {}),
          ...(onReject ? { onReject: onReject as 'return' | 'fail' } : {}),
          escalation: { level: (approval.escalation?.level ?? 0) + 1, to: next.to },
        },
      },
    ]);
  }
  const decision =
    approval.onTimeout === 'approve' ? 'approved' : approval.onTimeout === 'reject' ? 'rejected' : 'timed_out';
  return write(resolve(control, wait, decision, 'system', 'Nobody answered in time.'));
}

/** A child run has ended: its parent's wait ends, and a sub-workflow's node with it. */
export function childEnded(
  control: ControlView,
  command: Extract<DueCommand, { type: 'child-ended' }>,
  { now }: DecideContext,
): Outcome {
  const wait = control.waits[command.child];
  if (wait?.status !== 'open' || !wait.child) return { kind: 'nothing' };
  const { run, outcome, output, error } = command;
  const node = control.nodes[wait.node];
  const ended: NewEvent = {
    type: 'child.ended',
    node: wait.node,
    by: 'system',
    data: { childId: wait.id, run, outcome, ...(output === undefined ? {} : { output }), ...(error ? { error } : {}) },
  };
  if (!node || !isUnleased(control, node) || node.status !== 'running') return write([ended]);
  if (outcome === 'completed') {
    return write([
      ended,
      {
        type: 'node.completed',
        node: node.id,
        attempt: node.attempt,
        by: 'system',
        data: output === undefined ? {} : { output },
      },
    ]);
  }
  const message = error?.message ?? `The child run was ${outcome}.`;
  return write([ended, failure(control, node, { code: 'child_failed', message }, now, 'system')]);
}
