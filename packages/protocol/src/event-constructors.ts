import type { EventData, EventType, LogLevel, NewEvent, NewEventOf } from './event.ts';
import type { Json } from './json.ts';

/** Where an event belongs: its node, step and attempt. */
export type Place = Pick<NewEvent, 'node' | 'step' | 'attempt' | 'by'>;

/** An event of any type, for those that have no constructor of their own below. */
export function newEvent<T extends EventType>(type: T, data: EventData[T], place: Place = {}): NewEventOf<T> {
  return { ...place, type, data } as NewEventOf<T>;
}

export function log(level: LogLevel, message: string, metadata?: Json, place?: Place): NewEventOf<'log'> {
  return newEvent('log', { level, message, ...(metadata === undefined ? {} : { metadata }) }, place);
}

/** `value` in percent, 0–100. */
export function nodeProgress(node: string, value: number, message?: string): NewEventOf<'node.progress'> {
  return newEvent('node.progress', { progress: value, ...(message === undefined ? {} : { message }) }, { node });
}

export function token(agentId: string, messageId: string, text: string, place?: Place): NewEventOf<'agent.token'> {
  return newEvent('agent.token', { agentId, messageId, text }, place);
}

export function metric(name: string, value: number, unit?: string, place?: Place): NewEventOf<'metric'> {
  return newEvent('metric', { name, value, ...(unit === undefined ? {} : { unit }) }, place);
}
