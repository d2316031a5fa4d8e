import { createHash } from 'node:crypto';

/** What Postgres takes in no text, and the character that stands before its stand-in. */
const ZERO = '\u0000';
const MARK = '\uffff';

/**
 * A name that others chose, as a column of the type `name` keeps it: names may hold any character, Postgres' texts all
 * but one. Columns of the type `text` hold JSON, which escapes it, and are kept and read as they are.
 */
export function nameIn(name: string): string {
  const marked = name.includes(MARK) ? name.replaceAll(MARK, `${MARK}1`) : name;
  return (marked.includes(ZERO) ? marked.replaceAll(ZERO, `${MARK}0`) : marked).toWellFormed();
}

export function nameOut(stored: string): string {
  if (!stored.includes(MARK)) return stored;
  return stored.replaceAll(`${MARK}0`, ZERO).replaceAll(`${MARK}1`, MARK);
}

/** bytes; an index takes 2,700 for all of its columns */
const LONG = 600;

/** A name that is looked for and never read back: a long one is its hash. */
export function shortName(name: string): string {
  const stored = nameIn(name);
  if (Buffer.byteLength(stored) <= LONG) return stored;
  return `sha256:${createHash('sha256').update(stored).digest('hex')}`;
}
