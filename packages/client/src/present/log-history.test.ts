import type { RunEvent } from '@millrace/protocol/event';
import type { LogLine, NodeView } from '@millrace/protocol/view';
import { describe, expect, test, vi } from 'vitest';
import {
  HISTORY_LIMIT,
  isJoined,
  type LogHistory,
  linesOf,
  markSuperseded,
  moveOn,
  newestOnly,
  readNewer,
  readOlder,
  shownLines,
  withNewer,
  withOlder,
} from './log-history.ts';

const line = (seq: number): LogLine => ({ seq, at: seq, level: 'info', message: `m${seq}` });
const lines = (from: number, to: number): LogLine[] => Array.from({ length: to - from + 1 }, (_, n) => line(from + n));
const span = (history: LogHistory) => {
  const seqs = shownLines(history).map(({ seq }) => seq);
  for (const [at, seq] of seqs.entries()) if (at > 0) expect(seq).toBe((seqs[at - 1] ?? 0) + 1);
  return [seqs[0], seqs.at(-1)];
};
/** Of a log in which every event is a line. */
const range = async (from: number, through: number): Promise<RunEvent[]> =>
  lines(from, through).map(({ seq, at, level, message }) => ({ seq, at, type: 'log', data: { level, message } }));

describe('[UI-8] a log’s lines', () => {
  test('that leave the view’s window stay, each once and in order', () => {
    let history = newestOnly(lines(1, 10));
    history = moveOn(history, lines(6, 15));
    history = moveOn(history, lines(12, 20));
    expect(span(history)).toEqual([1, 20]);
    expect(isJoined(history)).toBe(true);
  });

  test('after a gap stand alone, without those that they do not follow', () => {
    const history = withOlder(newestOnly(lines(4, 10)), lines(1, 3), 1);
    expect(span(moveOn(history, lines(90, 95)))).toEqual([90, 95]);
  });

  test('come from nothing', () => {
    expect(span(moveOn(newestOnly([]), lines(3, 5)))).toEqual([3, 5]);
    expect(shownLines(newestOnly([]))).toEqual([]);
  });

  test('before the window are read stretch by stretch, up to the first', async () => {
    let history = newestOnly(lines(9_001, 10_000));
    const read = vi.fn(range);
    for (const first of [4_001, 1, 1]) {
      const older = await readOlder(history, read);
      history = withOlder(history, older.lines, older.from);
      expect(span(history)).toEqual([first, 10_000]);
    }
    expect(read.mock.calls).toEqual([
      [4_001, 9_000],
      [1, 4_000],
    ]);
  });

  test('are looked for in many events where they are few, within reason', async () => {
    const read = vi.fn(async () => []);
    expect(await readOlder(newestOnly(lines(500_001, 500_002)), read)).toEqual({ lines: [], from: 450_001 });
    expect(read).toHaveBeenCalledTimes(10);
  });
});

describe('[UI-30] of a long log a stretch is held around the reader', () => {
  async function upTo(count: number): Promise<LogHistory> {
    let history = newestOnly(lines(99_001, 100_000));
    while (history.from > 100_000 - count) {
      const older = await readOlder(history, range);
      history = withOlder(history, older.lines, older.from);
    }
    return history;
  }

  test('scrolled far up, the newest lines are let go; scrolled down again, they are read again', async () => {
    let history = await upTo(100_000 - 1);
    expect([history.from, history.earlier.length, isJoined(history)]).toEqual([1, HISTORY_LIMIT, false]);
    expect(span(history)).toEqual([1, HISTORY_LIMIT]);
    history = moveOn(history, lines(99_500, 100_500));
    expect(span(history), 'what arrives moves nothing').toEqual([1, HISTORY_LIMIT]);
    while (!isJoined(history)) {
      const newer = await readNewer(history, range);
      history = withNewer(history, newer.lines, newer.through);
    }
    expect(history.earlier).toHaveLength(HISTORY_LIMIT);
    expect(span(history)).toEqual([99_500 - HISTORY_LIMIT, 100_500]);
  });

  test('lines that arrive push the oldest out', async () => {
    let history = await upTo(19_000);
    history = moveOn(history, lines(100_000, 101_000));
    history = moveOn(history, lines(101_000, 103_000));
    expect(history.earlier).toHaveLength(HISTORY_LIMIT);
    expect(span(history)).toEqual([101_000 - HISTORY_LIMIT, 103_000]);
  });
});

test('[UI-31] a line that was read from the log is known to be superseded by the node as it is now', () => {
  const node = { id: 'n', steps: {}, attempt: 2, restarts: [{ seq: 8, attempt: 2, durable: 4 }] };
  const nodes = { n: node as unknown as NodeView };
  const told = [3, 5, 9].map((seq): LogLine => ({ ...line(seq), node: 'n', attempt: seq < 8 ? 1 : 2 }));
  expect(markSuperseded(told, nodes).map(({ superseded }) => superseded)).toEqual([undefined, true, undefined]);
  expect(markSuperseded(told, {})).toBe(told);
});

test('a line is made of its event, and of nothing that a newer version added to it', () => {
  const data = { level: 'info', message: 'm', metadata: { a: 1 }, seq: 99 } as const;
  const event = { seq: 3, at: 4, type: 'log', node: 'n', step: 's', attempt: 1, data } as RunEvent;
  expect(linesOf([event, { seq: 4, at: 4, type: 'run.started', data: {} }])).toEqual([
    { seq: 3, at: 4, node: 'n', step: 's', attempt: 1, level: 'info', message: 'm', metadata: { a: 1 } },
  ]);
});
