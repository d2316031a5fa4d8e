import type { RunEvent } from '@millrace/protocol/event';
import { originOf } from '@millrace/protocol/fold-origin';
import { pick } from '@millrace/protocol/pick';
import { isSuperseded } from '@millrace/protocol/retraction';
import type { ControlView, LogLine } from '@millrace/protocol/view';

/** lines that are held before the newest ones; those farthest from where somebody reads are let go */
export const HISTORY_LIMIT = 20_000;

/**
 * Of a log's lines the newest, which the view holds, and a stretch of earlier ones that was read from the log: oldest
 * first, without overlap. Seqs: `earlier` are all lines from `from` through `through`.
 */
export interface LogHistory {
  readonly earlier: readonly LogLine[];
  readonly from: number;
  readonly through: number;
  readonly newest: readonly LogLine[];
}

/** Nothing but the view's lines. Of a log without lines nothing is missing. */
export function newestOnly(newest: readonly LogLine[]): LogHistory {
  const from = newest[0]?.seq ?? 1;
  return { earlier: [], from, through: from - 1, newest };
}

/** Whether the earlier lines reach up to the newest. Where they do not, they alone are read. */
export function isJoined({ through, newest }: LogHistory): boolean {
  return through >= (newest[0]?.seq ?? 0) - 1;
}

export function shownLines(history: LogHistory): readonly LogLine[] {
  const { earlier, newest } = history;
  if (earlier.length === 0) return newest;
  return isJoined(history) ? [...earlier, ...newest] : earlier;
}

/** The view's window has moved on: what left it at its old end is kept, so that nothing moves under a reader. */
export function moveOn(history: LogHistory, next: readonly LogLine[]): LogHistory {
  const { newest } = history;
  const first = next[0]?.seq ?? 0;
  if (newest.length === 0 || (newest.at(-1)?.seq ?? 0) < first) return newestOnly(next);
  if (!isJoined(history)) return { ...history, newest: next };
  const left = newest.filter(({ seq }) => seq < first);
  return atMost([...history.earlier, ...left], history.from, first - 1, next, 'old');
}

/** `lines` were read: all from `from` up to the first line that was held. */
export function withOlder(history: LogHistory, lines: readonly LogLine[], from: number): LogHistory {
  return atMost([...lines, ...history.earlier], from, history.through, history.newest, 'new');
}

/** `lines` were read: all that follow the stretch, through `through`. */
export function withNewer(history: LogHistory, lines: readonly LogLine[], through: number): LogHistory {
  return atMost([...history.earlier, ...lines], history.from, through, history.newest, 'old');
}

/** Lets lines go at the end that nobody reads. */
function atMost(
  lines: readonly LogLine[],
  from: number,
  through: number,
  newest: readonly LogLine[],
  end: 'old' | 'new',
): LogHistory {
  const over = lines.length - HISTORY_LIMIT;
  if (over <= 0) return { earlier: lines, from, through, newest };
  const earlier = end === 'old' ? lines.slice(over) : lines.slice(0, HISTORY_LIMIT);
  return end === 'old'
    ? { earlier, from: earlier[0]?.seq ?? from, through, newest }
    : { earlier, from, through: earlier.at(-1)?.seq ?? through, newest };
}

/** The log's lines among events. */
export function linesOf(events: readonly RunEvent[]): LogLine[] {
  return events.flatMap((event): LogLine[] =>
    event.type === 'log' ? [{ ...originOf(event), ...pick(event.data, 'level', 'message', 'metadata') }] : [],
  );
}

/** The lines as the run stands now: what a newer attempt has retracted says so, whenever it was read. */
export function markSuperseded(lines: readonly LogLine[], nodes: ControlView['nodes']): readonly LogLine[] {
  if (!Object.values(nodes).some(({ restarts }) => restarts)) return lines;
  return lines.map((line) =>
    !line.superseded && line.node !== undefined && isSuperseded(nodes[line.node], line)
      ? { ...line, superseded: true as const }
      : line,
  );
}

/** events of one request, lines that are enough for a screen or several, and events that are looked through for them */
const STRETCH = 5_000;
const ENOUGH = 500;
const MOST = 50_000;

export type ReadRange = (from: number, through: number) => Promise<readonly RunEvent[]>;

/** Reads the lines before `history`, as many as are worth a scroll, from as many events as that takes within reason. */
export async function readOlder(history: LogHistory, read: ReadRange): Promise<{ lines: LogLine[]; from: number }> {
  let lines: LogLine[] = [];
  let { from } = history;
  while (from > 1 && lines.length < ENOUGH && history.from - from < MOST) {
    const start = Math.max(1, from - STRETCH);
    lines = [...linesOf(await read(start, from - 1)), ...lines];
    from = start;
  }
  return { lines, from };
}

/** Reads the lines that follow the stretch, up to the newest. */
export async function readNewer(history: LogHistory, read: ReadRange): Promise<{ lines: LogLine[]; through: number }> {
  const lines: LogLine[] = [];
  let { through } = history;
  const last = (history.newest[0]?.seq ?? 1) - 1;
  while (through < last && lines.length < ENOUGH && through - history.through < MOST) {
    const end = Math.min(last, through + STRETCH);
    lines.push(...linesOf(await read(through + 1, end)));
    through = end;
  }
  return { lines, through };
}
