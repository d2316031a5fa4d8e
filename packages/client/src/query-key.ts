import type { ListQuery } from '@millrace/protocol/frame';

/** Equal queries have equal keys, in whatever order they name what they ask for. */
export function queryKey(query: ListQuery): string {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined);
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
