import type { RunEvent } from './event.ts';
import type { Layered, Origin } from './view.ts';

export function originOf({ seq, at, node, step, attempt }: RunEvent): Origin {
  const origin: Origin = { seq, at };
  if (node !== undefined) origin.node = node;
  if (step !== undefined) origin.step = step;
  if (attempt !== undefined) origin.attempt = attempt;
  return origin;
}

/** What an earlier event has told and a later one goes on with, as the later one's. */
export function goOn<T extends Layered<T>>(before: T, origin: Origin): T {
  const { node: _node, step: _step, attempt: _attempt, under: _under, ...told } = before;
  return { ...(told as T), ...origin };
}
