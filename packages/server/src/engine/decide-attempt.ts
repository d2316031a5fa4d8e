import {
  type ControlView,
  type EventType,
  type NewEvent,
  type NodeView,
  stepId,
  type WaitView,
} from '@millrace/protocol';
import type { EngineCommand, Prepared } from './command.ts';
import { failure } from './failure.ts';
import { schemaProblem } from './input-answer.ts';
import { type DecideContext, type Outcome, refuse } from './outcome.ts';
import { repeatOf } from './repeat.ts';

/** What a task's context may tell; everything else is a command's or the engine's. */
const ALLOWED: ReadonlySet<EventType> = new Set<EventType>([
  'run.progress',
  'node.progress',
  'step.started',
  'step.progress',
  'step.completed',
  'step.failed',
  'log',
  'error',
  'metric',
  'agent.started',
  'agent.message',
  'agent.thinking',
  'agent.token',
  'agent.completed',
  'agent.tool_call',
  'agent.tool_result',
  'kb.started',
  'kb.processing',
  'kb.completed',
  'kb.failed',
  'usage',
  'file.created',
  'file.updated',
  'checkpoint.saved',
  'approval.requested',
  'input.requested',
  'sleep.started',
  'child.started',
  'node.completed',
  'node.failed',
  'node.waiting',
  'node.parked',
]);

const ENDS: ReadonlySet<EventType> = new Set<EventType>([
  'node.completed',
  'node.failed',
  'node.waiting',
  'node.parked',
]);

/** The producer under which a node's attempts append: its term is the attempt's number. */
export function attemptProducer(node: string): string {
  return `attempt/${node}`;
}

/** Decides what the holder of a lease appends: all of it or nothing. */
export function decideAttempt(
  control: ControlView,
  command: Extract<EngineCommand, { type: 'attempt' }>,
  context: DecideContext,
): Outcome {
  const { lease, sequence } = command;
  const node = control.nodes[lease.node];
  if (!node) return refuse('node_not_found', `The run has no node "${lease.node}".`);
  const producer = { id: attemptProducer(lease.node), term: lease.attempt, sequence };
  const known = repeatOf(context.producer, producer);
  if (known?.kind === 'repeat') return known;
  if (node.attempt !== lease.attempt || node.status !== 'running') {
    return refuse('stale_attempt', staleDetail(node, lease.attempt), {
      attempt: lease.attempt,
      current: node.attempt,
      status: node.status,
    });
  }
  if (known) return known;
  const events: (NewEvent | Prepared)[] = [];
  const said: Said = { steps: undefined, waits: undefined };
  for (let at = 0; at < command.events.length; at++) {
    const prepared = command.events[at] as Prepared;
    const { event } = prepared;
    if (!ALLOWED.has(event.type)) return refuse('event_not_allowed', `A task may not write "${event.type}".`);
    if (ENDS.has(event.type) && at !== command.events.length - 1) {
      return refuse(
        'event_not_allowed',
        `"${event.type}" ends the attempt, so it must be the last event of its append.`,
      );
    }
    const refusal = checkJournal(node, control, event, said) ?? checkPark(control, event, said);
    if (refusal) return refusal;
    events.push(
      event.type === 'node.failed'
        ? failure(control, node, event.data.error, context.now, event.by ?? 'system')
        : prepared,
    );
  }
  return { kind: 'write', events, producer };
}

function staleDetail(node: NodeView, attempt: number): string {
  return node.attempt > attempt
    ? `Attempt ${attempt} of "${node.id}" lost its lease; attempt ${node.attempt} has it.`
    : `Attempt ${attempt} of "${node.id}" is over; the node is ${node.status}.`;
}

/** What the events before in the same append said of steps, by id, and which waits they opened. */
interface Said {
  steps: Map<string, string> | undefined;
  waits: Set<string> | undefined;
}

/** A durable call has one identity in its node, and that identity one kind. */
function checkJournal(node: NodeView, control: ControlView, event: NewEvent, said: Said): Outcome | undefined {
  switch (event.type) {
    case 'step.started':
    case 'step.completed':
    case 'step.failed': {
      const id = stepId(event.data.name, event.data.key);
      const before = node.steps[id];
      const inThis = said.steps?.get(id) ?? (before?.attempt === node.attempt ? state(before.status) : undefined);
      if (
        before?.status === 'completed' ||
        inThis === 'completed' ||
        (inThis === 'started' && event.type === 'step.started')
      ) {
        return refuse('step_name_reused', `The step "${id}" was already used. Give each call its own key.`, {
          step: id,
        });
      }
      if (control.waits[`${node.id}:${id}`]) {
        return refuse('journal_mismatch', `"${id}" is a wait in this run's log, and now a step.`, { step: id });
      }
      said.steps ??= new Map();
      said.steps.set(id, event.type.slice('step.'.length));
      return undefined;
    }
    case 'approval.requested':
      return openWait(node, control, event.data.approvalId, said);
    case 'input.requested': {
      const problem = schemaProblem(event.data.schema);
      if (problem !== undefined)
        return refuse('event_invalid', `data.schema cannot be used: ${problem}`, { field: 'data.schema' });
      return openWait(node, control, event.data.inputId, said);
    }
    case 'sleep.started':
      return openWait(node, control, event.data.sleepId, said);
    case 'child.started':
      return openWait(node, control, event.data.childId, said);
    default:
      return undefined;
  }
}

function state(status: 'running' | 'completed' | 'failed'): string {
  return status === 'running' ? 'started' : status;
}

function openWait(node: NodeView, control: ControlView, id: string, said: Said): Outcome | undefined {
  if (id.startsWith(`${node.id}:`) && node.steps[id.slice(node.id.length + 1)]) {
    return refuse('journal_mismatch', `"${id}" is a step in this run's log, and now a wait.`, { wait: id });
  }
  if (control.waits[id] || said.waits?.has(id)) {
    return refuse('step_name_reused', `The wait "${id}" was already used. Give each call its own key.`, { wait: id });
  }
  said.waits ??= new Set();
  said.waits.add(id);
  return undefined;
}

/** A park is refused when one of its waits has ended meanwhile: the attempt goes on with the answer. */
function checkPark(control: ControlView, event: NewEvent, said: Said): Outcome | undefined {
  if (event.type !== 'node.waiting') return undefined;
  const answers: WaitView[] = [];
  for (const id of event.data.waits) {
    const wait = control.waits[id];
    if (!wait && !said.waits?.has(id)) return refuse('wait_not_found', `The run has no wait "${id}".`);
    if (wait && wait.status !== 'open') answers.push(wait);
  }
  if (answers.length === 0) return undefined;
  return refuse('wait_ended', `${answers.map((wait) => wait.id).join(', ')} ended before the attempt could park.`, {
    answers,
  });
}
