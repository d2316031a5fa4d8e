import { type BlobRef, isBlobRef, type Json } from '@millrace/protocol/json';

const JSON_TYPE = 'application/json';

/**
 * A value as it may stand in an event: itself, or a reference where its JSON text is larger than `threshold` bytes.
 * `put` keeps the text and answers the reference; what it throws, this throws.
 */
export async function offload(
  value: Json,
  threshold: number,
  put: (bytes: Uint8Array, type: string) => Promise<BlobRef>,
): Promise<Json | BlobRef> {
  const text = JSON.stringify(value);
  // A character of UTF-16 is at most three bytes of UTF-8: what is small is known without encoding it.
  if (text.length * 3 <= threshold || Buffer.byteLength(text) <= threshold) return value;
  return put(Buffer.from(text), JSON_TYPE);
}

/**
 * The value that {@link offload} was given. `get` answers the bytes of a reference; what it throws, this throws.
 * A reference to something that is no JSON (a file) stays a reference.
 */
export async function resolve(
  value: Json | BlobRef,
  get: (sha256: string) => Promise<Uint8Array>,
): Promise<Json | BlobRef> {
  if (!isBlobRef(value) || value.type !== JSON_TYPE) return value;
  return JSON.parse(Buffer.from(await get(value.$blob)).toString()) as Json;
}
