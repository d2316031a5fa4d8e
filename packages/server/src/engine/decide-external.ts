import {
  type ControlView,
  type EventType,
  isTerminal,
  type NewEvent,
  type NodeMove,
  type NodeState,
  nodeMovesFrom,
  nodeTable,
  type RunMove,
  type RunState,
  runTable,
} from '@millrace/protocol';
import type { EngineCommand, Prepared } from './command.ts';
import { schemaProblem } from './input-answer.ts';
import { type DecideContext, type Outcome, refuse, refuseTransition } from './outcome.ts';
import { repeatOf } from './repeat.ts';

/** Commands and answers have their own ways in; these events are only ever written by the engine. */
const ENGINE_ONLY: ReadonlySet<EventType> = new Set<EventType>([
  'run.created',
  'run.paused',
  'run.resumed',
  'run.stopping',
  'graph.updated',
  'attempt.lost',
  'approval.resolved',
  'input.provided',
  'input.timed_out',
  'child.started',
  'child.ended',
  'budget.exceeded',
]);

/** Decides what the producer of an external run appends: all of it or nothing. */
export function decideExternal(
  control: ControlView,
  { producer, events }: Extract<EngineCommand, { type: 'append' }>,
  context: DecideContext,
): Outcome {
  if (!control.external) {
    return refuse(
      'event_not_allowed',
      'This run is executed by our own workers; only an external run takes events from outside.',
    );
  }
  if (producer) {
    const known = repeatOf(context.producer, producer);
    if (known) return known;
  }
  const draft = new StatesDraft(control);
  const written: (NewEvent | Prepared)[] = [];
  const first = events[0]?.event.type;
  if (control.status === 'created' && first !== undefined && !STARTS.has(first)) {
    written.push({ type: 'run.started', by: events[0]?.event.by ?? 'system', data: {} });
    draft.status = 'running';
  }
  for (const prepared of events) {
    const { event } = prepared;
    if (ENGINE_ONLY.has(event.type))
      return refuse('event_not_allowed', `"${event.type}" is written by the engine alone.`);
    const problem = event.type === 'input.requested' ? schemaProblem(event.data.schema) : undefined;
    if (problem !== undefined)
      return refuse('event_invalid', `data.schema cannot be used: ${problem}`, { field: 'data.schema' });
    const refusal = draft.take(event);
    if (refusal) return refusal;
    written.push(prepared);
  }
  return { kind: 'write', events: written, ...(producer ? { producer } : {}) };
}

/** First events that bring the run out of `created` by themselves. */
const STARTS: ReadonlySet<EventType> = new Set<EventType>([
  'run.started',
  'node.started',
  'run.cancelled',
  'run.failed',
]);

/** The states that the events of one append would lead to, without folding them. */
class StatesDraft {
  status: RunState;
  readonly #control: ControlView;
  readonly #nodes = new Map<string, NodeState>();

  constructor(control: ControlView) {
    this.#control = control;
    this.status = control.status;
  }

  take(event: NewEvent): Outcome | undefined {
    if (isTerminal(this.status))
      return refuse('run_ended', `The run is ${this.status}; its log is closed.`, { status: this.status });
    if (event.type in runTable.created) return this.#run(event.type as RunMove);
    if (event.type in nodeTable.pending) return this.#node(event.node, event.type as NodeMove);
    return undefined;
  }

  #run(move: RunMove): Outcome | undefined {
    const to = runTable[this.status][move];
    if (to === null) return refuseTransition(move, this.status, move);
    this.status = to;
    return undefined;
  }

  #node(id: string | undefined, move: NodeMove): Outcome | undefined {
    if (id === undefined) return refuse('event_invalid', `"${move}" needs the field "node".`);
    if (move === 'node.started' && this.status === 'paused')
      return refuse('run_paused', `The run is paused; "${id}" may not start.`);
    if (move === 'node.started' && this.status === 'created') this.status = 'running';
    const from = this.#nodes.get(id) ?? this.#control.nodes[id]?.status ?? 'pending';
    const to = nodeTable[from][move];
    if (to === null) {
      const allowed = nodeMovesFrom(from);
      return refuse('invalid_transition', `The node "${id}" is ${from} and cannot take ${move}.`, {
        node: id,
        from,
        to: move,
        allowed,
      });
    }
    this.#nodes.set(id, to);
    return undefined;
  }
}
