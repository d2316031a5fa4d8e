/** Cuts a list back to its newest `window` items once it is twice as long: O(1) amortised. */
export function trim(list: unknown[], window: number): void {
  if (list.length >= 2 * window) list.splice(0, list.length - window);
}

/** The same for a record, by the order in which its keys came. Looks at all keys: call it when one has been added. */
export function trimKeys(record: Record<string, unknown>, window: number): void {
  const keys = Object.keys(record);
  if (keys.length < 2 * window) return;
  for (const key of keys.slice(0, keys.length - window)) delete record[key];
}
