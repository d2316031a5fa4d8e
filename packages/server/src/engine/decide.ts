import {
  type ControlView,
  type Decision,
  definitionId,
  errors,
  graphIndex,
  type NewEvent,
  type WaitView,
} from '@millrace/protocol';
import type { EngineCommand } from './command.ts';
import { decideAttempt } from './decide-attempt.ts';
import { decideExternal } from './decide-external.ts';
import { failure } from './failure.ts';
import { type DecideContext, type Outcome, refuse, write } from './outcome.ts';

/** Decides one command on one run's control view. Pure: the answer depends on the arguments alone. */
export function decide(control: ControlView, command: EngineCommand, context: DecideContext): Outcome {
  switch (command.type) {
    case 'create':
      return write([command.created]);
    case 'append':
      return decideExternal(control, command, context);
    case 'attempt':
      return decideAttempt(control, command, context);
    case 'start':
      return start(control, command);
    case 'user':
      return user(control, command);
    case 'evaluated':
      return evaluated(control, command);
    case 'lost':
      return lost(control, command);
    case 'requeue':
      return requeue(control, command);
    case 'timeout':
      return timeout(control, command, context.now);
    case 'wait-timeout':
      return waitTimeout(control, command);
    case 'grace':
      return grace(control, context.now);
    case 'evaluate':
      return { kind: 'nothing' };
  }
}

function start(control: ControlView, command: Extract<EngineCommand, { type: 'start' }>): Outcome {
  const node = control.nodes[command.node];
  const dispatching = control.status === 'created' || control.status === 'running';
  if (node?.status !== 'queued' || !dispatching || control.external) return { kind: 'nothing' };
  const { worker, version, lease } = command;
  return write([
    {
      type: 'node.started',
      node: node.id,
      attempt: node.attempt + 1,
      by: `worker:${worker}`,
      data: {
        ...(node.task === undefined ? {} : { task: node.task }),
        ...(version === undefined ? {} : { version }),
        worker,
        lease,
      },
    },
  ]);
}

function user(control: ControlView, { by, command }: Extract<EngineCommand, { type: 'user' }>): Outcome {
  if (command.type !== 'approve') {
    return refuse('invalid_transition', `The command "${command.type}" is not offered by this server.`);
  }
  const { approvalId, decision, comment } = command;
  const wait = control.waits[approvalId];
  if (!wait?.approval) return refuse('wait_not_found', `The run has no approval "${approvalId}".`);
  if (wait.status !== 'open') {
    return refuse('already_answered', `The approval "${approvalId}" was ${answerOf(wait)}.`, { answer: wait });
  }
  const offered = ['approved', 'rejected', ...(wait.approval.options ?? [])];
  if (!offered.includes(decision)) {
    return refuse(
      'invalid_request',
      `"${decision.slice(0, 80)}" is not a decision of this approval. Offered: ${offered.join(', ')}.`,
      { offered },
    );
  }
  return write([resolved(wait, decision, by, comment)], { result: { approvalId, decision } });
}

function answerOf(wait: WaitView): string {
  if (wait.status === 'cancelled') return 'closed when its run or node ended';
  return `${wait.approval?.decision ?? wait.status}${wait.by ? ` by ${wait.by}` : ''}`;
}

function resolved(wait: WaitView, decision: Decision, by: string, comment?: string): NewEvent {
  return {
    type: 'approval.resolved',
    node: wait.node,
    by,
    data: { approvalId: wait.id, decision, ...(comment === undefined ? {} : { comment }) },
  };
}

function evaluated(
  control: ControlView,
  { node: id, outcome }: Extract<EngineCommand, { type: 'evaluated' }>,
): Outcome {
  const node = control.nodes[id];
  const open = control.status === 'created' || control.status === 'running' || control.status === 'paused';
  if (node?.status !== 'pending' || !node.ready || !open) return { kind: 'nothing' };
  switch (outcome.kind) {
    case 'skip':
      return write([{ type: 'node.skipped', node: id, by: 'system', data: { reason: 'when' } }]);
    case 'input':
      return write([
        {
          type: 'node.queued',
          node: id,
          by: 'system',
          data: outcome.input === undefined ? {} : { input: outcome.input },
        },
      ]);
    case 'error':
      return write([
        {
          type: 'node.failed',
          node: id,
          by: 'system',
          data: { error: { code: outcome.code, message: outcome.message, node: id } },
        },
      ]);
    case 'items':
      if (outcome.count === 0) return write([{ type: 'node.completed', node: id, by: 'system', data: { output: [] } }]);
      return write([
        {
          type: 'graph.updated',
          by: 'system',
          data: { expand: { node: id, items: outcome.items, count: outcome.count } },
        },
      ]);
  }
}

/** In a row, this many lost leases fail a node: something about it kills its workers. */
const LOST_LIMIT = 3;

function lost(
  control: ControlView,
  { node: id, attempt, reason, expiredAt }: Extract<EngineCommand, { type: 'lost' }>,
): Outcome {
  const node = control.nodes[id];
  if (node?.status !== 'running' || node.attempt !== attempt) return { kind: 'nothing' };
  const event: NewEvent = { type: 'attempt.lost', node: id, attempt, by: 'system', data: { reason } };
  const expired = { node: id, attempt, at: expiredAt };
  if (reason === 'fenced' || node.lost + 1 < LOST_LIMIT || control.status === 'stopping')
    return { kind: 'write', events: [event], expired };
  const error = { code: 'lease_lost', message: errors.lease_lost.title, node: id };
  return {
    kind: 'write',
    events: [event, { type: 'node.failed', node: id, attempt, by: 'system', data: { error } }],
    expired,
  };
}

function requeue(control: ControlView, { node: id, attempt }: { node: string; attempt: number }): Outcome {
  const node = control.nodes[id];
  if (node?.status !== 'retrying' || node.attempt !== attempt || control.status === 'stopping')
    return { kind: 'nothing' };
  return write([{ type: 'node.queued', node: id, by: 'system', data: { reason: 'retry' } }]);
}

function timeout(control: ControlView, { node: id, attempt }: { node: string; attempt: number }, now: number): Outcome {
  const node = control.nodes[id];
  if (node?.status !== 'running' || node.attempt !== attempt) return { kind: 'nothing' };
  const limit = graphIndex(control.graph).nodes.get(definitionId(id))?.timeout;
  const error = { code: 'timeout', message: `The attempt took longer than ${limit} ms.`, node: id };
  return write([failure(control, node, error, now, 'system')]);
}

function waitTimeout(control: ControlView, command: { wait: string; timeoutAt: number }): Outcome {
  const wait = control.waits[command.wait];
  if (wait?.status !== 'open' || wait.timeoutAt !== command.timeoutAt || !wait.approval) return { kind: 'nothing' };
  const decision = wait.approval.onTimeout === 'approve' ? 'approved' : 'timed_out';
  return write([resolved(wait, decision, 'system', 'Nobody answered in time.')]);
}

/** Attempts that did not stop within the grace time are fenced: their node takes nothing from them any more. */
function grace(control: ControlView, now: number): Outcome {
  if (control.status !== 'stopping' || (control.stop?.graceUntil ?? 0) > now) return { kind: 'nothing' };
  const live = Object.values(control.nodes).filter((node) => node.status === 'running' && !node.items);
  return write(
    live.map((node) => ({
      type: 'attempt.lost' as const,
      node: node.id,
      attempt: node.attempt,
      by: 'system',
      data: { reason: 'fenced' as const },
    })),
  );
}
