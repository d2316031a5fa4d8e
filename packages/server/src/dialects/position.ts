import { SUBSCRIPTION_LIMIT } from '../hub/face.ts';

/**
 * Where a client stands who follows several runs over one connection, as one text: what Socket.IO's own recovery hands
 * back as the offset of the last event that was received. It holds all that a server needs which has never met the client.
 */
export interface Position {
  epoch: string;
  /** ms since the epoch, rounded down so far that all readers of a run mostly say the same */
  at: number;
  places: readonly Place[];
}

/** How far one run was written: what is followed under `key`, or a run of the room of that name. */
export interface Place {
  key: string;
  run?: string;
  /** of the last event that was written */
  seq: number;
}

/** ms that `at` is rounded to */
const ROUND = 10_000;
/** characters of a text that is read, and places in it: more than one connection can hold */
const LIMIT = 256 * 1024;
const PLACES = 2 * SUBSCRIPTION_LIMIT;

export function formatPosition(epoch: string, at: number, places: readonly Place[]): string {
  let text = `${epoch};${Math.floor(at / ROUND).toString(36)}`;
  for (const { key, run, seq } of places) {
    text += `;${encoded(key)}${run === undefined ? '' : `/${encoded(run)}`}=${seq}`;
  }
  return text;
}

/** undefined where the text is none of ours, or of another epoch: then the client begins anew. */
export function parsePosition(text: string, epoch: string): Position | undefined {
  if (text.length > LIMIT) return undefined;
  const [from, at = '', ...parts] = text.split(';');
  if (from !== epoch || !/^[0-9a-z]{1,9}$/.test(at) || parts.length > PLACES) return undefined;
  const places: Place[] = [];
  for (const part of parts) {
    const [, of, member, seq] = /^([^=/]+)(?:\/([^=/]+))?=(\d{1,15})$/.exec(part) ?? [];
    const key = decoded(of);
    if (key === undefined) return undefined;
    const run = decoded(member);
    places.push({ key, seq: Number(seq), ...(run === undefined ? {} : { run }) });
  }
  return { epoch, at: Number.parseInt(at, 36) * ROUND, places };
}

function encoded(name: string): string {
  return encodeURIComponent(name.toWellFormed());
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
