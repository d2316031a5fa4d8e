import {
  type ControlView,
  type EventData,
  type ForkRun,
  isTerminal,
  type Lineage,
  MillraceError,
  type NewEvent,
  type RetryRun,
} from '@millrace/protocol';
import { inheritedOf, placeOf } from './inherited.ts';
import { type Place, sharesOf } from './shares.ts';

/** What a new run is made of: its first event, and the results that it inherits. */
export interface Descent {
  data: EventData['run.created'];
  /** in order, to be written in the transaction that creates the run */
  inherited: NewEvent[];
}

/**
 * A new run from what an ended one has left. `failed` takes over every node that ended well, and of the others what
 * their steps, waits and checkpoints left; a place does that node, or what it did from that step on, again, and
 * everything that began on its result. `step` names a step or a wait, as `name` or `name/key`.
 *
 * Errors: `invalid_transition` (the run is live or external; it completed and nothing failed), `node_not_found`
 * (no such node or step), `invalid_request` (an input with anything but `start`).
 */
export function retryOf(ancestor: ControlView, { from, input }: RetryRun): Descent {
  refuseExternal(ancestor, 'retry');
  if (!isTerminal(ancestor.status)) throw live(ancestor);
  if (input !== undefined && from !== 'start') {
    throw new MillraceError('invalid_request', {
      detail: 'Another input needs from: "start"; results of the old input would not fit it.',
    });
  }
  const data = createdAs(ancestor, { retryOf: { run: ancestor.run, seq: ancestor.endedSeq ?? ancestor.ctl } });
  if (from === 'start') return { data: input === undefined ? data : { ...data, input }, inherited: [] };
  const place = from === 'failed' ? undefined : known(ancestor, from);
  const shares = sharesOf(ancestor, place);
  if (!place && ancestor.status === 'completed' && [...shares.values()].every((share) => share === 'whole'))
    throw nothingFailed(ancestor);
  return { data, inherited: inheritedOf(ancestor, shares, place) };
}

/**
 * A new run from the state that a run had at `seq`: `ancestor` is the fold of its control events up to there. What had
 * ended well by then is taken over; the rest is done again, answered from what it had left.
 *
 * Errors: `invalid_transition` (the run is external).
 */
export function forkOf(ancestor: ControlView, { seq }: ForkRun): Descent {
  refuseExternal(ancestor, 'fork');
  return {
    data: createdAs(ancestor, { forkOf: { run: ancestor.run, seq } }),
    inherited: inheritedOf(ancestor, sharesOf(ancestor)),
  };
}

/** The same run again, at once. It stays its owner's, and is nobody's child: the parent has had its answer. */
function createdAs(ancestor: ControlView, lineage: Lineage): EventData['run.created'] {
  const { workflow, version, graph, input, owner, tags } = ancestor;
  const { idempotencyKey: _used, delayUntil: _past, ...options } = ancestor.options;
  return {
    ...{ workflow, nodes: [...graph], input, lineage },
    ...(version === undefined ? {} : { version }),
    ...(Object.keys(options).length > 0 ? { options } : {}),
    ...(owner === undefined ? {} : { owner }),
    ...(tags.length > 0 ? { tags: [...tags] } : {}),
  };
}

function known(ancestor: ControlView, place: Place): Place {
  const { node, step } = place;
  const facts = { ...place };
  if (!ancestor.nodes[node])
    throw new MillraceError('node_not_found', { detail: `The run has no node "${node.slice(0, 200)}".`, facts });
  if (step !== undefined && placeOf(ancestor, node, step) === undefined) {
    const detail = `The node "${node}" never came to a step or wait "${step.slice(0, 200)}". Name it as name or name/key.`;
    throw new MillraceError('node_not_found', { detail, facts });
  }
  return place;
}

function refuseExternal({ external, status }: ControlView, what: 'retry' | 'fork'): void {
  if (!external) return;
  const detail = `Another system executes this run; ${what} is not possible. Start a new one there.`;
  throw new MillraceError('invalid_transition', { detail, facts: { from: status, to: what, allowed: [] } });
}

function live({ status }: ControlView): MillraceError {
  const detail = `A run that is ${status} cannot be retried; only an ended one can. Cancel it first, or fork it.`;
  const allowed = ['completed', 'failed', 'cancelled'];
  return new MillraceError('invalid_transition', { detail, facts: { from: status, to: 'retry', allowed } });
}

function nothingFailed({ status }: ControlView): MillraceError {
  const detail = 'The run completed and none of its nodes failed. Retry it from the start or from a node.';
  return new MillraceError('invalid_transition', { detail, facts: { from: status, to: 'retry', allowed: [] } });
}
