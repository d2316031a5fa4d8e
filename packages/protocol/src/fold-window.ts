/** How much of a run's content a view holds; twice as much before it is cut back. */
export const LOG_WINDOW = 1_000;
export const PROGRESS_WINDOW = 1_000;
export const MESSAGE_WINDOW = 200;
export const DOCUMENT_WINDOW = 1_000;
export const FILE_WINDOW = 1_000;
export const METRIC_WINDOW = 1_000;
export const ERROR_WINDOW = 100;
/** characters of one message */
export const TEXT_WINDOW = 100_000;
/** calls of one message */
export const TOOL_WINDOW = 500;

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
