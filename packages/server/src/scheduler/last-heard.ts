import type { RunEvent } from '@millrace/protocol';
import type { RunKey, Store } from '../store/store.ts';

/** One attempt of a run. */
export interface AttemptId {
  node: string;
  attempt: number;
}

export const attemptId = ({ node, attempt }: AttemptId): string => `${node}/${attempt}`;

const FIRST = 64;
const LARGEST = 1_024;
const BYTES = 4 * 1024 * 1024;

/**
 * When each of these attempts was last heard of after `since` (ms since the epoch): the `at` of its newest event, by
 * {@link attemptId}. An attempt without one is missing. Reads the log backwards, and no further than it has to.
 */
export async function lastHeard(
  store: Store,
  key: RunKey,
  head: number,
  attempts: readonly AttemptId[],
  since: number,
): Promise<Map<string, number>> {
  const heard = new Map<string, number>();
  const missing = new Set(attempts.map(attemptId));
  let end = head;
  let size = FIRST;
  while (end > 0 && missing.size > 0) {
    const after = Math.max(0, end - size);
    const events = await stretch(store, key, after, end);
    for (const { node, attempt, at } of events.reverse()) {
      if (at <= since) return heard;
      if (node === undefined || attempt === undefined) continue;
      const id = attemptId({ node, attempt });
      if (missing.delete(id)) heard.set(id, at);
    }
    end = after;
    size = Math.min(size * 4, LARGEST);
  }
  return heard;
}

/** The events after `after` up to `end`. */
async function stretch(store: Store, key: RunKey, after: number, end: number): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for (let from = after; from < end; ) {
    const page = await store.readLog(key, from, { events: end - from, bytes: BYTES });
    if (!page || page.through <= from) break;
    events.push(...(JSON.parse(`[${page.text}]`) as RunEvent[]));
    from = page.through;
  }
  return events;
}
