/**
 * Where a client stands who follows several runs over one connection, as one text: what Socket.IO's own recovery hands
 * back as the offset of the last event that was received. It holds all that a server needs which has never met the client.
 */
export interface Position {
  epoch: string;
  /** ms since the epoch, rounded down so far that all readers of a run mostly say the same */
  at: number;
  /** by what it is followed under, the seq of the last event that was written */
  cursors: Record<string, number>;
}

/** ms that `at` is rounded to */
const ROUND = 10_000;
/** characters of a text that is read */
const LIMIT = 64 * 1024;

export function formatPosition(epoch: string, at: number, cursors: readonly (readonly [string, number])[]): string {
  let text = `${epoch};${Math.floor(at / ROUND).toString(36)}`;
  for (const [key, seq] of cursors) text += `;${encodeURIComponent(key)}=${seq}`;
  return text;
}

/** undefined where the text is none of ours, or of another epoch: then the client begins anew. */
export function parsePosition(text: string, epoch: string): Position | undefined {
  if (text.length > LIMIT) return undefined;
  const [from, at = '', ...parts] = text.split(';');
  if (from !== epoch || !/^[0-9a-z]{1,9}$/.test(at)) return undefined;
  const cursors: [string, number][] = [];
  for (const part of parts) {
    const [, key, seq] = /^([^=]+)=(\d{1,15})$/.exec(part) ?? [];
    const name = key === undefined ? undefined : decoded(key);
    if (name === undefined) return undefined;
    cursors.push([name, Number(seq)]);
  }
  return { epoch, at: Number.parseInt(at, 36) * ROUND, cursors: Object.fromEntries(cursors) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
