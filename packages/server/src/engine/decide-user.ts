import {
  type ControlView,
  definitionId,
  graphIndex,
  isTerminal,
  type Json,
  liveAttempts,
  type NewEvent,
  type RunMove,
  runTable,
  type WaitView,
} from '@millrace/protocol';
import { budgetWait } from './budget.ts';
import type { UserCommand } from './command.ts';
import { checkAnswer } from './input-answer.ts';
import { isUnleased } from './node-rows.ts';
import { type DecideContext, type Outcome, refuse, refuseTransition, write } from './outcome.ts';
import { startChild } from './start-child.ts';

/** Decides what a user asks of a run. Each command stands in the log with who gave it; a key makes it happen once. */
export function decideUser(control: ControlView, asked: UserCommand, context: DecideContext): Outcome {
  const { key } = asked;
  if (key && context.producer) {
    if (context.producer.term === key.hash) return { kind: 'repeat', seq: context.producer.seq };
    return refuse('idempotency_conflict', 'This key was used with another command.');
  }
  const outcome = decideCommand(control, asked, context);
  return key && outcome.kind === 'write'
    ? { ...outcome, producer: { id: key.id, term: key.hash, sequence: 1 } }
    : outcome;
}

function decideCommand(control: ControlView, asked: UserCommand, context: DecideContext): Outcome {
  const { by, command } = asked;
  switch (command.type) {
    case 'pause':
      return move(control, asked, 'run.paused', [{ type: 'run.paused', by, data: because(command.reason) }]);
    case 'resume':
      return resume(control, asked, context);
    case 'cancel':
      return outdated(control, asked) ?? cancel(control, by, command.reason, context);
    case 'approve':
      return approve(control, by, command, context);
    case 'provide':
      return provide(control, by, command);
  }
}

function because(reason: string | undefined): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

/** A command on a state that the run has left since its sender looked. */
function outdated(control: ControlView, { ctl, command }: UserCommand): Outcome | undefined {
  if (ctl === undefined || ctl >= control.statusSeq || isTerminal(control.status)) return undefined;
  return refuse(
    'outdated',
    `The run became ${control.status} at ${control.statusSeq}; you had seen ${ctl}, and asked to ${command.type} it.`,
    {
      status: control.status,
      seen: ctl,
      moved: control.statusSeq,
    },
  );
}

function move(control: ControlView, asked: UserCommand, to: RunMove, events: NewEvent[]): Outcome {
  if (runTable[control.status][to] === null) return refuseTransition(asked.command.type, control.status, to);
  return outdated(control, asked) ?? write(events);
}

/** A plain resume while the budget's question is open answers it. */
function resume(control: ControlView, asked: UserCommand, context: DecideContext): Outcome {
  const { by, command } = asked;
  const reason = command.type === 'resume' ? command.reason : undefined;
  const question = budgetWait(control);
  const answer: NewEvent[] = question
    ? [{ type: 'approval.resolved', by, data: { approvalId: question.id, decision: 'approved' } }]
    : [];
  return move(control, asked, 'run.resumed', [...answer, ...resumed(control, by, reason, context)]);
}

/** Sub-workflows that became ready while the run was paused start now; what workers execute is queued again. */
function resumed(control: ControlView, by: string, reason: string | undefined, context: DecideContext): NewEvent[] {
  const own = Object.values(control.nodes).filter((node) => node.status === 'queued' && isUnleased(control, node));
  return [
    { type: 'run.resumed', by, data: because(reason) },
    ...own.flatMap(({ id }) => startChild(control, id, workflowOf(control, id), context)),
  ];
}

function workflowOf(control: ControlView, id: string): string {
  return graphIndex(control.graph).nodes.get(definitionId(id))?.workflow ?? '';
}

/** At once where nothing is live; else the attempts are told, and fenced after the grace time. */
export function cancel(
  control: ControlView,
  by: string,
  reason: string | undefined,
  { now, grace }: DecideContext,
): Outcome {
  if (isTerminal(control.status)) return refuseTransition('cancel', control.status, 'run.cancelled');
  if (control.status === 'stopping') return { kind: 'repeat', seq: control.statusSeq };
  const winding = control.external ? control.status !== 'created' : liveAttempts(control) > 0;
  if (winding)
    return write([
      { type: 'run.stopping', by, data: { outcome: 'cancelled', ...because(reason), graceUntil: now + grace } },
    ]);
  return write([
    { type: 'run.cancelled', by, data: { ...because(reason), duration: Math.max(0, now - control.createdAt) } },
  ]);
}

/** Why this wait cannot be answered, or undefined. */
function unanswerable(wait: WaitView | undefined, id: string, kind: 'approval' | 'input'): Outcome | undefined {
  if (wait?.kind !== kind) return refuse('wait_not_found', `The run has no ${kind} "${id.slice(0, 200)}".`);
  if (wait.status === 'open') return undefined;
  return refuse('already_answered', `The ${kind} "${id}" was ${answerOf(wait)}.`, { answer: wait });
}

function answerOf(wait: WaitView): string {
  if (wait.status === 'cancelled') return 'closed when its run or node ended';
  const what = wait.approval?.decision ?? (wait.status === 'timed_out' ? 'not given in time' : 'answered');
  return `${what}${wait.by ? ` by ${wait.by}` : ''}`;
}

function approve(
  control: ControlView,
  by: string,
  command: { approvalId: string; decision: string; comment?: string },
  context: DecideContext,
): Outcome {
  const { approvalId: id, decision, comment } = command;
  const wait = control.waits[id];
  const refusal = unanswerable(wait, id, 'approval');
  if (refusal || !wait) return refusal as Outcome;
  const { approval } = wait;
  const offered = ['approved', 'rejected', ...(approval?.options ?? [])];
  if (!offered.includes(decision)) {
    return refuse(
      'invalid_request',
      `"${decision.slice(0, 80)}" is not a decision of this approval. Offered: ${offered.join(', ')}.`,
      { offered },
    );
  }
  const events = resolve(control, wait, decision, by, comment);
  if (id === budgetWait(control)?.id) {
    const after = decision === 'rejected' ? cancel(control, by, 'budget', context) : undefined;
    if (after?.kind === 'write') events.push(...(after.events as NewEvent[]));
    else if (control.status === 'paused') events.push(...resumed(control, by, 'budget', context));
  }
  return write(events, { result: { approvalId: id, decision } });
}

/** The answer, and the end of the node where its approval says that a rejection fails it. */
export function resolve(
  control: ControlView,
  wait: WaitView,
  decision: string,
  by: string,
  comment?: string,
): NewEvent[] {
  const node = wait.node === '' ? {} : { node: wait.node };
  const resolved: NewEvent = {
    type: 'approval.resolved',
    ...node,
    by,
    data: { approvalId: wait.id, decision, ...(comment === undefined ? {} : { comment }) },
  };
  const rejected = decision === 'rejected' && wait.approval?.onReject === 'fail';
  const late = decision === 'timed_out' && wait.approval?.onTimeout === 'fail';
  if ((!rejected && !late) || wait.node === '') return [resolved];
  const error = rejected
    ? {
        code: 'approval_rejected',
        message: `"${wait.approval?.title}" was rejected by ${by}.`,
        node: wait.node,
        retryable: false,
      }
    : {
        code: 'timeout',
        message: `Nobody answered "${wait.approval?.title}" in time.`,
        node: wait.node,
        retryable: false,
      };
  const attempt = control.nodes[wait.node]?.attempt;
  return [resolved, { type: 'node.failed', ...node, ...(attempt ? { attempt } : {}), by: 'system', data: { error } }];
}

function provide(control: ControlView, by: string, { inputId, value }: { inputId: string; value: Json }): Outcome {
  const wait = control.waits[inputId];
  const refusal = unanswerable(wait, inputId, 'input');
  if (refusal || !wait) return refusal as Outcome;
  const { input, node } = wait;
  const issues = checkAnswer(input?.schema, value);
  if (issues.length > 0) {
    const detail = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
    return refuse('input_invalid', detail, { issues });
  }
  return write([{ type: 'input.provided', ...(node === '' ? {} : { node }), by, data: { inputId, value } }], {
    result: { inputId },
  });
}
