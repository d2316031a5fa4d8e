import { BLOB_THRESHOLD, type BlobRef, isBlobRef, type Json, MillraceError, type WorkerLink } from '@millrace/protocol';

/** Where values too large for an event are kept. */
export type Blobs = Pick<WorkerLink, 'putBlob' | 'getBlob'>;

const JSON_TYPE = 'application/json';

/** A copy of a value as the log will hold it. Errors: `event_invalid` where JSON cannot carry it. */
export function toJson(value: unknown, what: string): Json {
  return JSON.parse(textOf(value, what)) as Json;
}

function textOf(value: unknown, what: string): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (cause) {
    throw new MillraceError('event_invalid', { detail: `${what} cannot be written as JSON: ${String(cause)}`, cause });
  }
}

/** What stands in an event for a value: itself, or a blob where it is too large. */
export async function seal(
  link: Pick<WorkerLink, 'putBlob'>,
  value: unknown,
  what: string,
): Promise<{ stored: Json | BlobRef; value: Json }> {
  const text = textOf(value, what);
  const copy = JSON.parse(text) as Json;
  // UTF-8 takes at most three bytes for what is one unit here.
  if (text.length * 3 <= BLOB_THRESHOLD) return { stored: copy, value: copy };
  const bytes = new TextEncoder().encode(text);
  if (bytes.byteLength <= BLOB_THRESHOLD) return { stored: copy, value: copy };
  return { stored: await link.putBlob(bytes, JSON_TYPE), value: copy };
}

/** The value that an event holds, fetched where it stands in a blob. */
export async function unseal(link: Pick<WorkerLink, 'getBlob'>, stored: Json | BlobRef): Promise<Json> {
  if (!isBlobRef(stored) || stored.type !== JSON_TYPE) return stored as Json;
  return JSON.parse(new TextDecoder().decode(await link.getBlob(stored.$blob))) as Json;
}
