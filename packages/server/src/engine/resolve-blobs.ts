import { isBlobRef, type Json } from '@millrace/protocol';

/** Whether there is anything to fetch; most values hold nothing of the kind. */
export function holdsBlob(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsBlob);
  if ('$blob' in value || '$item' in value) return true;
  for (const key in value) if (holdsBlob((value as Record<string, unknown>)[key])) return true;
  return false;
}

/** The value with every blob of JSON in it fetched, and items of a large forEach picked from theirs. */
export async function resolveBlobs(value: unknown, get: (sha256: string) => Promise<Uint8Array>): Promise<Json> {
  if (!holdsBlob(value)) return value as Json;
  return fetchBlobs(value, get);
}

async function fetchBlobs(value: unknown, get: (sha256: string) => Promise<Uint8Array>): Promise<Json> {
  if (isBlobRef(value)) {
    return value.type === 'application/json'
      ? (JSON.parse(Buffer.from(await get(value.$blob)).toString()) as Json)
      : (value as unknown as Json);
  }
  if (Array.isArray(value)) return Promise.all(value.map((item) => fetchBlobs(item, get)));
  if (typeof value !== 'object' || value === null) return value as Json;
  if ('$item' in value && 'index' in value) {
    const items = await fetchBlobs((value as { $item: unknown }).$item, get);
    return (items as Json[])[(value as { index: number }).index] ?? null;
  }
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, item]) => [key, await fetchBlobs(item, get)] as const),
  );
  return Object.fromEntries(entries);
}
