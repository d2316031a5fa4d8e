import type { RunEvent } from '@millrace/protocol/event';
import type { LogLine } from '@millrace/protocol/view';

/** lines; the oldest are let go beyond it */
export const HISTORY_LIMIT = 50_000;

/** What is kept of a log before the newest lines that the view holds: both oldest first, without overlap. */
export interface LogHistory {
  earlier: readonly LogLine[];
  newest: readonly LogLine[];
}

/** The view's window has moved on: what fell out of it at its old end is kept, so that nothing moves under a reader. */
export function moveOn({ earlier, newest }: LogHistory, next: readonly LogLine[]): LogHistory {
  const first = next[0]?.seq ?? Number.POSITIVE_INFINITY;
  const isSameLog = (newest.at(-1)?.seq ?? 0) >= first;
  const dropped = isSameLog ? newest.filter((line) => line.seq < first) : [];
  const kept = isSameLog ? earlier : [];
  return { earlier: dropped.length > 0 ? [...kept, ...dropped].slice(-HISTORY_LIMIT) : kept, newest: next };
}

/** The log's lines from its events: all that were written, superseded ones too. */
export function linesOf(events: readonly RunEvent[]): LogLine[] {
  return events.flatMap((event): LogLine[] => {
    if (event.type !== 'log') return [];
    const { seq, at, node, step, attempt, data } = event;
    const place = { ...(node !== undefined && { node }), ...(step !== undefined && { step }) };
    return [{ seq, at, ...place, ...(attempt !== undefined && { attempt }), ...data }];
  });
}

/** Reads a run's log from its beginning up to and not including `before`. */
export async function readEarlier(
  readPage: (after: string) => Promise<{ events: readonly RunEvent[]; next: string; through: number; done: boolean }>,
  before: number,
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  let after = '0';
  for (;;) {
    const page = await readPage(after);
    lines.push(...linesOf(page.events.filter((event) => event.seq < before)));
    if (page.done || page.through >= before - 1 || page.next === after) return lines.slice(-HISTORY_LIMIT);
    after = page.next;
  }
}
