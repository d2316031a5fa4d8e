import type { EventData, EventType } from './event.ts';

/** control = moves state, decides; content = only tells. Content never moves a run's `ctl`. */
export type EventClass = 'control' | 'content';

/** What a redaction profile can hide. */
export type RedactionClass =
  | 'input'
  | 'output'
  | 'agent'
  | 'tool'
  | 'log'
  | 'cost'
  | 'file'
  | 'kb'
  | 'wait'
  | 'error'
  | 'identity';

export const redactionClasses: readonly RedactionClass[] = [
  'input',
  'output',
  'agent',
  'tool',
  'log',
  'cost',
  'file',
  'kb',
  'wait',
  'error',
  'identity',
];

export interface EventClassRow {
  class: EventClass;
  /** the whole event is of this class: a profile that hides the class drops the event */
  whole?: RedactionClass;
  /**
   * The class of each field of `data`; null = anybody who sees the run may see it. A profile that hides a field's class
   * drops or empties the field and keeps the event. A field that stands here not at all is newer than this table and
   * shown to no redacted reader.
   */
  fields?: Readonly<Record<string, RedactionClass | null>>;
}

/** Complete by type: an event or a field without its class does not compile. */
type Classes = {
  [T in EventType]: { class: EventClass } & (
    | { whole: RedactionClass }
    | { fields: Readonly<Record<keyof EventData[T] & string, RedactionClass | null>> }
  );
};

/**
 * Class and redaction of every event type. `by` is of class `identity` everywhere. A control event is never
 * dropped whole unless it only tells of cost: the viewer of a redacted run still sees its states.
 */
export const eventClasses: Readonly<Record<EventType, EventClassRow>> = {
  'run.created': {
    class: 'control',
    fields: {
      workflow: null,
      version: null,
      nodes: 'input',
      input: 'input',
      options: null,
      owner: 'identity',
      tags: 'identity',
      lineage: null,
      external: null,
    },
  },
  'run.started': { class: 'control', fields: {} },
  'run.progress': { class: 'content', fields: { progress: null, message: 'log' } },
  'run.paused': { class: 'control', fields: { reason: 'log' } },
  'run.resumed': { class: 'control', fields: { reason: 'log' } },
  'run.completed': { class: 'control', fields: { output: 'output', duration: null } },
  'run.stopping': { class: 'control', fields: { outcome: null, reason: 'log', error: 'error', graceUntil: null } },
  'run.failed': { class: 'control', fields: { error: 'error', duration: null } },
  'run.cancelled': { class: 'control', fields: { reason: 'log', duration: null } },
  'graph.updated': { class: 'control', fields: { add: 'input', expand: 'input' } },
  'node.queued': { class: 'control', fields: { reason: 'log', input: 'input', task: null } },
  'node.started': { class: 'control', fields: { task: null, version: null, worker: 'identity', lease: null } },
  'node.progress': { class: 'content', fields: { progress: null, message: 'log' } },
  'node.retrying': { class: 'control', fields: { error: 'error', nextAt: null } },
  'node.waiting': { class: 'control', fields: { waits: null } },
  'node.parked': { class: 'control', fields: { reason: null } },
  'node.completed': { class: 'control', fields: { output: 'output', duration: null, reused: null } },
  'node.failed': { class: 'control', fields: { error: 'error', duration: null } },
  'node.skipped': { class: 'control', fields: { reason: 'log' } },
  'node.cancelled': { class: 'control', fields: { reason: 'log' } },
  'attempt.lost': { class: 'control', fields: { reason: null } },
  'step.started': { class: 'control', fields: { name: null, key: 'input' } },
  'step.progress': { class: 'content', fields: { name: null, key: 'input', progress: null, message: 'log' } },
  'step.completed': {
    class: 'control',
    fields: { name: null, key: 'input', output: 'output', duration: null, reused: null },
  },
  'step.failed': { class: 'control', fields: { name: null, key: 'input', error: 'error', duration: null } },
  log: { class: 'content', whole: 'log' },
  'agent.started': { class: 'content', whole: 'agent' },
  'agent.message': { class: 'content', whole: 'agent' },
  'agent.thinking': { class: 'content', whole: 'agent' },
  'agent.token': { class: 'content', whole: 'agent' },
  'agent.completed': { class: 'content', whole: 'agent' },
  'agent.tool_call': { class: 'content', whole: 'tool' },
  'agent.tool_result': { class: 'content', whole: 'tool' },
  'approval.requested': {
    class: 'control',
    fields: {
      approvalId: null,
      title: 'wait',
      details: 'wait',
      options: 'wait',
      timeoutAt: null,
      onTimeout: null,
      onReject: null,
      escalation: 'identity',
      escalateTo: 'identity',
    },
  },
  'approval.resolved': {
    class: 'control',
    fields: { approvalId: null, decision: 'wait', comment: 'wait', reused: null },
  },
  'input.requested': {
    class: 'control',
    fields: { inputId: null, prompt: 'wait', schema: 'wait', timeoutAt: null, default: 'wait' },
  },
  'input.provided': { class: 'control', fields: { inputId: null, value: 'wait', reused: null } },
  'input.timed_out': { class: 'control', fields: { inputId: null, value: 'wait', reused: null } },
  'sleep.started': { class: 'control', fields: { sleepId: null, until: null } },
  'sleep.ended': { class: 'control', fields: { sleepId: null, reused: null } },
  'child.started': {
    class: 'control',
    fields: { childId: null, run: null, workflow: null, input: 'input', detached: null },
  },
  'child.ended': {
    class: 'control',
    fields: { childId: null, run: null, outcome: null, output: 'output', error: 'error', reused: null },
  },
  'kb.started': { class: 'content', whole: 'kb' },
  'kb.processing': { class: 'content', whole: 'kb' },
  'kb.completed': { class: 'content', whole: 'kb' },
  'kb.failed': { class: 'content', whole: 'kb' },
  usage: { class: 'control', whole: 'cost' },
  'budget.exceeded': { class: 'control', whole: 'cost' },
  metric: { class: 'content', whole: 'log' },
  'file.created': { class: 'content', whole: 'file' },
  'file.updated': { class: 'content', whole: 'file' },
  'checkpoint.saved': { class: 'control', fields: { key: 'output', state: 'output', reused: null } },
  error: { class: 'content', whole: 'error' },
} satisfies Classes;

export function isControl(type: EventType): boolean {
  return eventClasses[type].class === 'control';
}

export function isEventType(type: unknown): type is EventType {
  return typeof type === 'string' && Object.hasOwn(eventClasses, type);
}
