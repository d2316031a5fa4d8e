import type { EventType } from './event.ts';

/** control = moves state, decides; content = only tells. Content never moves a run's `ctl`. */
export type EventClass = 'control' | 'content';

/** The class of every event type: all that a fold must know of an event's type, and what a browser loads. */
export const eventKinds: Readonly<Record<EventType, EventClass>> = {
  'run.created': 'control',
  'run.started': 'control',
  'run.progress': 'content',
  'run.paused': 'control',
  'run.resumed': 'control',
  'run.completed': 'control',
  'run.stopping': 'control',
  'run.failed': 'control',
  'run.cancelled': 'control',
  'graph.updated': 'control',
  'node.queued': 'control',
  'node.started': 'control',
  'node.progress': 'content',
  'node.retrying': 'control',
  'node.waiting': 'control',
  'node.parked': 'control',
  'node.completed': 'control',
  'node.failed': 'control',
  'node.skipped': 'control',
  'node.cancelled': 'control',
  'attempt.lost': 'control',
  'step.started': 'control',
  'step.progress': 'content',
  'step.completed': 'control',
  'step.failed': 'control',
  log: 'content',
  'agent.started': 'content',
  'agent.message': 'content',
  'agent.thinking': 'content',
  'agent.token': 'content',
  'agent.completed': 'content',
  'agent.tool_call': 'content',
  'agent.tool_result': 'content',
  'approval.requested': 'control',
  'approval.resolved': 'control',
  'input.requested': 'control',
  'input.provided': 'control',
  'input.timed_out': 'control',
  'sleep.started': 'control',
  'sleep.ended': 'control',
  'child.started': 'control',
  'child.ended': 'control',
  'kb.started': 'content',
  'kb.processing': 'content',
  'kb.completed': 'content',
  'kb.failed': 'content',
  usage: 'control',
  'budget.exceeded': 'control',
  metric: 'content',
  'file.created': 'content',
  'file.updated': 'content',
  'checkpoint.saved': 'control',
  error: 'content',
};

export function isControl(type: EventType): boolean {
  return eventKinds[type] === 'control';
}

export function isEventType(type: unknown): type is EventType {
  return typeof type === 'string' && Object.hasOwn(eventKinds, type);
}
