import type { Json } from '../json.ts';

/** A message's fields: what a dialect says, without those that it has nothing to say of. */
export type Fields = { [field: string]: Json };

/**
 * The fields that are there. What stands in an event or a view is JSON already, whatever its type is called; the
 * result shares it and copies nothing.
 */
export function fields(told: { readonly [field: string]: unknown }): Fields {
  const there: Fields = {};
  for (const name in told) if (told[name] !== undefined) there[name] = told[name] as Json;
  return there;
}

/** A time in ms since the epoch as ISO 8601 text: UTC, ms, `Z`. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** The stable id of what an event says: `RUN:SEQ`, and `RUN:SEQ.n` for what it says after its first message. */
export function messageId(run: string, seq: number, place = 0): string {
  return place === 0 ? `${run}:${seq}` : `${run}:${seq}.${place}`;
}
