import type { EventType } from './event.ts';

/** control = moves state, decides; content = only tells. Content never moves a run's `ctl`. */
export type EventClass = 'control' | 'content';

/** What a redaction profile can hide. */
export type RedactionClass = 'input' | 'output' | 'agent' | 'tool' | 'log' | 'cost' | 'file' | 'kb' | 'wait' | 'error' | 'identity';

export const redactionClasses: readonly RedactionClass[] = [
  'input', 'output', 'agent', 'tool', 'log', 'cost', 'file', 'kb', 'wait', 'error', 'identity',
];

export interface EventClassRow {
  class: EventClass;
  /** the whole event is of this class: a profile that hides the class drops the event */
  whole?: RedactionClass;
  /** these fields of `data` are: a profile that hides the class drops the field and keeps the event */
  fields?: Readonly<Record<string, RedactionClass>>;
}

const control = (fields?: EventClassRow['fields']): EventClassRow =>
  fields ? { class: 'control', fields } : { class: 'control' };
const content = (whole?: RedactionClass): EventClassRow => (whole ? { class: 'content', whole } : { class: 'content' });

/**
 * Class and redaction of every event type. `by` is of class `identity` everywhere. A control event is never
 * dropped whole unless it only tells of cost: the viewer of a redacted run still sees its states.
 */
export const eventClasses: Record<EventType, EventClassRow> = {
  'run.created': control({ input: 'input', owner: 'identity', tags: 'identity', nodes: 'input' }),
  'run.started': control(),
  'run.progress': { class: 'content', fields: { message: 'log' } },
  'run.paused': control({ reason: 'log' }),
  'run.resumed': control({ reason: 'log' }),
  'run.completed': control({ output: 'output' }),
  'run.stopping': control({ reason: 'log', error: 'error' }),
  'run.failed': control({ error: 'error' }),
  'run.cancelled': control({ reason: 'log' }),
  'graph.updated': control({ expand: 'input', add: 'input' }),
  'node.queued': control({ input: 'input' }),
  'node.started': control({ worker: 'identity' }),
  'node.progress': { class: 'content', fields: { message: 'log' } },
  'node.retrying': control({ error: 'error' }),
  'node.waiting': control(),
  'node.parked': control(),
  'node.completed': control({ output: 'output' }),
  'node.failed': control({ error: 'error' }),
  'node.skipped': control({ reason: 'log' }),
  'node.cancelled': control({ reason: 'log' }),
  'attempt.lost': control(),
  'step.started': control({ key: 'input' }),
  'step.progress': { class: 'content', fields: { message: 'log', key: 'input' } },
  'step.completed': control({ output: 'output', key: 'input' }),
  'step.failed': control({ error: 'error', key: 'input' }),
  log: content('log'),
  'agent.started': content('agent'),
  'agent.message': content('agent'),
  'agent.thinking': content('agent'),
  'agent.token': content('agent'),
  'agent.completed': content('agent'),
  'agent.tool_call': content('tool'),
  'agent.tool_result': content('tool'),
  'approval.requested': control({ title: 'wait', details: 'wait', options: 'wait', escalation: 'identity' }),
  'approval.resolved': control({ decision: 'wait', comment: 'wait' }),
  'input.requested': control({ prompt: 'wait', schema: 'wait', default: 'wait' }),
  'input.provided': control({ value: 'wait' }),
  'input.timed_out': control({ value: 'wait' }),
  'sleep.started': control(),
  'sleep.ended': control(),
  'child.started': control(),
  'child.ended': control({ output: 'output', error: 'error' }),
  'kb.started': content('kb'),
  'kb.processing': content('kb'),
  'kb.completed': content('kb'),
  'kb.failed': content('kb'),
  usage: { class: 'control', whole: 'cost' },
  'budget.exceeded': { class: 'control', whole: 'cost' },
  metric: content('log'),
  'file.created': content('file'),
  'file.updated': content('file'),
  'checkpoint.saved': control({ state: 'output', key: 'output' }),
  error: content('error'),
};

export function isControl(type: EventType): boolean {
  return eventClasses[type].class === 'control';
}

export function isEventType(type: unknown): type is EventType {
  return typeof type === 'string' && Object.hasOwn(eventClasses, type);
}
