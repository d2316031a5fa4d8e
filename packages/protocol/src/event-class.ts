import type { EventData, EventType } from './event.ts';

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
  [T in EventType]:
    | { whole: RedactionClass }
    | { fields: Readonly<Record<keyof EventData[T] & string, RedactionClass | null>> };
};

/**
 * Redaction of every event type. `by` is of class `identity` everywhere. A control event is never
 * dropped whole unless it only tells of cost: the viewer of a redacted run still sees its states.
 */
export const eventClasses: Readonly<Record<EventType, EventClassRow>> = {
  'run.created': {
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
  'run.started': { fields: {} },
  'run.progress': { fields: { progress: null, message: 'log' } },
  'run.paused': { fields: { reason: 'log' } },
  'run.resumed': { fields: { reason: 'log' } },
  'run.completed': { fields: { output: 'output', duration: null } },
  'run.stopping': { fields: { outcome: null, reason: 'log', error: 'error', graceUntil: null } },
  'run.failed': { fields: { error: 'error', duration: null } },
  'run.cancelled': { fields: { reason: 'log', duration: null } },
  'graph.updated': { fields: { add: 'input', expand: 'input' } },
  'node.queued': { fields: { reason: 'log', input: 'input', task: null } },
  'node.started': { fields: { task: null, version: null, worker: 'identity', lease: null } },
  'node.progress': { fields: { progress: null, message: 'log' } },
  'node.retrying': { fields: { error: 'error', nextAt: null } },
  'node.waiting': { fields: { waits: null } },
  'node.parked': { fields: { reason: null } },
  'node.completed': { fields: { output: 'output', duration: null, reused: null } },
  'node.failed': { fields: { error: 'error', duration: null } },
  'node.skipped': { fields: { reason: 'log' } },
  'node.cancelled': { fields: { reason: 'log' } },
  'attempt.lost': { fields: { reason: null } },
  'step.started': { fields: { name: null, key: 'input' } },
  'step.progress': { fields: { name: null, key: 'input', progress: null, message: 'log' } },
  'step.completed': {
    fields: { name: null, key: 'input', output: 'output', duration: null, reused: null },
  },
  'step.failed': { fields: { name: null, key: 'input', error: 'error', duration: null } },
  log: { whole: 'log' },
  'agent.started': { whole: 'agent' },
  'agent.message': { whole: 'agent' },
  'agent.thinking': { whole: 'agent' },
  'agent.token': { whole: 'agent' },
  'agent.completed': { whole: 'agent' },
  'agent.tool_call': { whole: 'tool' },
  'agent.tool_result': { whole: 'tool' },
  'approval.requested': {
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
    fields: { approvalId: null, decision: 'wait', comment: 'wait', reused: null },
  },
  'input.requested': {
    fields: { inputId: null, prompt: 'wait', schema: 'wait', timeoutAt: null, default: 'wait' },
  },
  'input.provided': { fields: { inputId: null, value: 'wait', reused: null } },
  'input.timed_out': { fields: { inputId: null, value: 'wait', reused: null } },
  'sleep.started': { fields: { sleepId: null, until: null } },
  'sleep.ended': { fields: { sleepId: null, reused: null } },
  'child.started': {
    fields: { childId: null, run: null, workflow: null, input: 'input', detached: null },
  },
  'child.ended': {
    fields: { childId: null, run: null, outcome: null, output: 'output', error: 'error', reused: null },
  },
  'kb.started': { whole: 'kb' },
  'kb.processing': { whole: 'kb' },
  'kb.completed': { whole: 'kb' },
  'kb.failed': { whole: 'kb' },
  usage: { whole: 'cost' },
  'budget.exceeded': { whole: 'cost' },
  metric: { whole: 'log' },
  'file.created': { whole: 'file' },
  'file.updated': { whole: 'file' },
  'checkpoint.saved': { fields: { key: 'output', state: 'output', reused: null } },
  error: { whole: 'error' },
} satisfies Classes;
