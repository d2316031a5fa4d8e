import { isBlobRef, type Json } from '@millrace/protocol';

/** The value with every blob of JSON in it fetched, and items of a large forEach picked from theirs. */
export async function resolveBlobs(value: unknown, get: (sha256: string) => Promise<Uint8Array>): Promise<Json> {
  if (isBlobRef(value)) {
    return value.type === 'application/json'
      ? (JSON.parse(Buffer.from(await get(value.$blob)).toString()) as Json)
      : (value as unknown as Json);
  }
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolveBlobs(item, get)));
  if (typeof value !== 'object' || value === null) return value as Json;
  if ('$item' in value && 'index' in value) {
    const items = await resolveBlobs((value as { $item: unknown }).$item, get);
    return (items as Json[])[(value as { index: number }).index] ?? null;
  }
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, item]) => [key, await resolveBlobs(item, get)] as const),
  );
  return Object.fromEntries(entries);
}
