import { BLOB_THRESHOLD, type BlobRef, EVENT_LIMIT, MillraceError, type NewEvent } from '@millrace/protocol';
import type { Prepared } from './command.ts';
import { tailOf } from './part-draft.ts';

/** Where an event may hold a value of any size; one over the threshold moves into a blob. */
const LARGE = ['input', 'output', 'result', 'state'] as const;

/**
 * Writes an event down before its command is queued, so that nothing about it can fail in the transaction: its
 * values over 64 KB become blobs, and its text is measured. At once where it is small. Errors: payload_too_large.
 */
export function prepare(event: NewEvent, put: Put): Prepared | Promise<Prepared> {
  const text = tailOf(event);
  return text.length < BLOB_THRESHOLD ? { event, text } : prepareLarge(event, put);
}

type Put = (bytes: Uint8Array) => Promise<BlobRef>;

async function prepareLarge(event: NewEvent, put: Put): Promise<Prepared> {
  const smaller = await offload(event, put);
  const rest = tailOf(smaller);
  if (Buffer.byteLength(rest) > EVENT_LIMIT) {
    throw new MillraceError('payload_too_large', {
      detail: `The "${event.type}" event is ${Buffer.byteLength(rest)} bytes; at most ${EVENT_LIMIT} are allowed.`,
      facts: { limit: EVENT_LIMIT },
    });
  }
  return { event: smaller, text: rest };
}

async function offload(event: NewEvent, put: Put): Promise<NewEvent> {
  const data: Record<string, unknown> = { ...event.data };
  for (const field of LARGE) if (data[field] !== undefined) data[field] = await offloadValue(data[field], put);
  const expand = data.expand as { items: unknown } | undefined;
  if (expand) data.expand = { ...expand, items: await offloadValue(expand.items, put) };
  return { ...event, data } as NewEvent;
}

async function offloadValue(value: unknown, put: Put): Promise<unknown> {
  const bytes = Buffer.from(JSON.stringify(value));
  return bytes.length > BLOB_THRESHOLD ? put(bytes) : value;
}
