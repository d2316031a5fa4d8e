import { isSettled } from './retraction.ts';
import type { ControlView, Layered, Origin } from './view.ts';

/** how many values are kept under one; one per step that is under way would be enough, and more than two are rare */
const LAYERS = 4;

/**
 * Puts a value in the place of another. The older one is kept under it as long as the newer can be retracted and the
 * older would then stand again: they come of different steps, or a durable result lies between them.
 */
export function layOver<T extends Layered<T>>(before: T | undefined, next: T, control: ControlView): T {
  const isApart = before !== undefined && !before.superseded && !areOne(before, next, control);
  const under: T[] = [];
  for (const item of isApart ? layersOf(before) : (before?.under ?? [])) {
    if (under.length === LAYERS || isSettled(control.nodes[next.node ?? ''], next)) break;
    if (areOne(item, next, control)) continue;
    under.push(item);
    if (isSettled(control.nodes[item.node ?? ''], item)) break;
  }
  const { under: _under, ...bare } = next;
  return under.length === 0 ? (bare as T) : { ...(bare as T), under };
}

/** What is left of a value when each of its layers is retracted, cut (another object) or left alone by `judge`. */
export function withdraw<T extends Layered<T>>(top: T, judge: (item: T) => T | undefined): T {
  if (top.superseded) return top;
  const layers = layersOf(top);
  const standing = layers.flatMap((item) => judge(item) ?? []);
  if (standing.length === layers.length && standing.every((item, at) => item === layers[at])) return top;
  const [next, ...under] = standing;
  if (!next) return { ...bareOf(top), superseded: true };
  return under.length === 0 ? next : { ...next, under };
}

function layersOf<T extends Layered<T>>(top: T): T[] {
  return top.under ? [bareOf(top), ...top.under] : [top];
}

function bareOf<T extends Layered<T>>({ under: _under, ...bare }: T): T {
  return bare as T;
}

/** Whether an attempt that begins later retracts both or neither. */
export function areOne(older: Origin, newer: Pick<Origin, 'node' | 'step' | 'attempt'>, control: ControlView): boolean {
  const { node, step, attempt } = newer;
  if (older.node !== node || older.step !== step || older.attempt !== attempt) return false;
  return step !== undefined || older.seq > (control.nodes[node ?? '']?.durableSeq ?? 0);
}
