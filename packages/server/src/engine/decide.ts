import {
  type ControlView,
  definitionId,
  errors,
  graphIndex,
  isTerminal,
  liveAttempts,
  type NewEvent,
} from '@millrace/protocol';
import { stopped } from './advance.ts';
import type { EngineCommand } from './command.ts';
import { decideAttempt } from './decide-attempt.ts';
import { decideExternal } from './decide-external.ts';
import { cancel, decideUser } from './decide-user.ts';
import { childEnded, waitTimeout } from './decide-wait.ts';
import { failure } from './failure.ts';
import { isUnleased } from './node-rows.ts';
import { type DecideContext, type Outcome, write } from './outcome.ts';
import { startChild } from './start-child.ts';

/** Decides one command on one run's control view. Pure: the answer depends on the arguments alone. */
export function decide(control: ControlView, command: EngineCommand, context: DecideContext): Outcome {
  switch (command.type) {
    case 'create':
      // What a parent's log owes may be delivered twice, and the child may be under way.
      return control.ctl > 0
        ? { kind: 'nothing' }
        : write(command.inherited ? [command.created, ...command.inherited] : [command.created]);
    case 'append':
      return decideExternal(control, command, context);
    case 'attempt':
      return decideAttempt(control, command, context);
    case 'start':
      return start(control, command);
    case 'user':
      return decideUser(control, command, context);
    case 'evaluated':
      return evaluated(control, command, context);
    case 'lost':
      return lost(control, command);
    case 'requeue':
      return requeue(control, command, context);
    case 'timeout':
      return timeout(control, command, context.now);
    case 'wait-timeout':
      return waitTimeout(control, command, context);
    case 'child-ended':
      return childEnded(control, command, context);
    case 'grace':
      return grace(control, context.now);
    case 'ttl':
      return end(
        control,
        { outcome: 'failed', code: 'ttl_expired', message: errors.ttl_expired.title, only: 'created' },
        context,
      );
    case 'end':
      return end(control, command, context);
    case 'cancel':
      return isTerminal(control.status) ? { kind: 'nothing' } : cancel(control, 'system', command.reason, context);
    case 'evaluate':
    case 'spawn':
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

function evaluated(
  control: ControlView,
  { node: id, outcome }: Extract<EngineCommand, { type: 'evaluated' }>,
  context: DecideContext,
): Outcome {
  const node = control.nodes[id];
  const open = control.status === 'created' || control.status === 'running' || control.status === 'paused';
  if (node?.status !== 'pending' || !node.ready || !open) return { kind: 'nothing' };
  switch (outcome.kind) {
    case 'skip':
      return write([{ type: 'node.skipped', node: id, by: 'system', data: { reason: 'when' } }]);
    case 'input': {
      const data = outcome.input === undefined ? {} : { input: outcome.input };
      return write([{ type: 'node.queued', node: id, by: 'system', data }, ...ownStart(control, id, context)]);
    }
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
  const guard = expiredAt === undefined ? {} : { expired: { node: id, attempt, at: expiredAt } };
  if (reason === 'fenced' || node.lost + 1 < LOST_LIMIT || control.status === 'stopping')
    return { kind: 'write', events: [event], ...guard };
  const error = { code: 'lease_lost', message: errors.lease_lost.title, node: id };
  return {
    kind: 'write',
    events: [event, { type: 'node.failed', node: id, attempt, by: 'system', data: { error } }],
    ...guard,
  };
}

/** The engine starts its own nodes itself: a sub-workflow runs as long as its child run does. */
function ownStart(control: ControlView, id: string, context: DecideContext): NewEvent[] {
  const workflow = graphIndex(control.graph).nodes.get(definitionId(id))?.workflow;
  const dispatching = control.status === 'created' || control.status === 'running';
  return workflow === undefined || !dispatching ? [] : startChild(control, id, workflow, context);
}

function requeue(
  control: ControlView,
  { node: id, attempt }: { node: string; attempt: number },
  context: DecideContext,
): Outcome {
  const node = control.nodes[id];
  if (node?.status !== 'retrying' || node.attempt !== attempt || control.status === 'stopping')
    return { kind: 'nothing' };
  return write([
    { type: 'node.queued', node: id, by: 'system', data: { reason: 'retry' } },
    ...ownStart(control, id, context),
  ]);
}

function timeout(control: ControlView, { node: id, attempt }: { node: string; attempt: number }, now: number): Outcome {
  const node = control.nodes[id];
  if (node?.status !== 'running' || node.attempt !== attempt) return { kind: 'nothing' };
  const limit = graphIndex(control.graph).nodes.get(definitionId(id))?.timeout;
  const error = { code: 'timeout', message: `The attempt took longer than ${limit} ms.`, node: id };
  return write([failure(control, node, error, now, 'system')]);
}

/** Attempts that did not stop within the grace time are fenced: their node takes nothing from them any more. */
function grace(control: ControlView, now: number): Outcome {
  const stopping = control.status === 'stopping' && (control.stop?.graceUntil ?? 0) <= now;
  if (!stopping && control.status !== 'paused') return { kind: 'nothing' };
  if (control.external) return stopping ? write([stopped(control, now)]) : { kind: 'nothing' };
  const live = Object.values(control.nodes).filter((node) => node.status === 'running' && !isUnleased(control, node));
  return write(
    live.map(({ id, attempt }) => ({
      type: 'attempt.lost',
      node: id,
      attempt,
      by: 'system',
      data: { reason: 'fenced' },
    })),
  );
}

/** Ends a run that nobody drives any more. */
function end(
  control: ControlView,
  {
    outcome,
    code,
    message,
    only,
  }: { outcome: 'failed' | 'cancelled'; code: string; message: string; only?: 'created' | 'external' },
  context: DecideContext,
): Outcome {
  if (isTerminal(control.status) || control.status === 'stopping') return { kind: 'nothing' };
  if (only === 'created' && control.status !== 'created') return { kind: 'nothing' };
  if (only === 'external' && (!control.external || control.status !== 'running')) return { kind: 'nothing' };
  if (outcome === 'cancelled') return cancel(control, 'system', code, context);
  const { now } = context;
  const error = { code, message };
  if (!control.external && liveAttempts(control) > 0) {
    return write([{ type: 'run.stopping', by: 'system', data: { outcome, error, graceUntil: now + context.grace } }]);
  }
  return write([{ type: 'run.failed', by: 'system', data: { error, duration: Math.max(0, now - control.createdAt) } }]);
}
