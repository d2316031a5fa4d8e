/** Any value that JSON can carry. Payloads of events, inputs and outputs are of this type. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * A value that was too large to stand in an event (over {@link BLOB_THRESHOLD} bytes of JSON).
 * `files/` keeps its bytes once, under their SHA-256; whoever opens it fetches them.
 */
export interface BlobRef {
  $blob: string;
  /** size of the stored value, bytes */
  bytes: number;
  /** media type; a JSON value is `application/json` */
  type: string;
}

/** An event's whole JSON text may not be larger than this, in bytes. */
export const EVENT_LIMIT = 256 * 1024;

/** A value whose JSON text is larger than this, in bytes, is moved out of its event into a blob. */
export const BLOB_THRESHOLD = 64 * 1024;

export function isBlobRef(value: unknown): value is BlobRef {
  return (
    typeof value === 'object' &&
    value !== null &&
    '$blob' in value &&
    typeof (value as BlobRef).$blob === 'string' &&
    typeof (value as BlobRef).bytes === 'number'
  );
}
