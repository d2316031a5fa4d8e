import type { RunEvent } from '@millrace/protocol/event';
import type { LogLine } from '@millrace/protocol/view';
import { expect, test } from 'vitest';
import { type LogHistory, moveOn, readEarlier } from './log-history.ts';

const line = (seq: number): LogLine => ({ seq, at: seq, level: 'info', message: `m${seq}` });
const lines = (from: number, to: number): LogLine[] =>
  Array.from({ length: to - from + 1 }, (_, at) => line(from + at));
const seqs = ({ earlier, newest }: LogHistory): number[] => [...earlier, ...newest].map(({ seq }) => seq);
const event = (seq: number): RunEvent =>
  seq % 2 === 0
    ? { seq, at: seq, type: 'log', data: { level: 'info', message: `m${seq}` } }
    : { seq, at: seq, type: 'run.progress', data: { progress: seq } };

test('[UI-8] lines that leave the view stay on the page, each once and in order', () => {
  let history: LogHistory = { earlier: [], newest: lines(1, 10) };
  history = moveOn(history, lines(6, 15));
  history = moveOn(history, lines(12, 20));
  expect(seqs(history)).toEqual(lines(1, 20).map(({ seq }) => seq));
});

test('[UI-8] after a gap nothing stands beside lines that do not follow it', () => {
  expect(seqs(moveOn({ earlier: lines(1, 3), newest: lines(4, 10) }, lines(90, 95)))).toEqual([90, 91, 92, 93, 94, 95]);
});

test('[UI-8] earlier lines are read page by page up to the first known one', async () => {
  const asked: string[] = [];
  const readPage = async (after: string) => {
    asked.push(after);
    const from = Number(after.split(':').at(-1));
    const events = Array.from({ length: 4 }, (_, at) => event(from + at + 1));
    return { events, through: from + 4, next: `e1:${from + 4}`, done: false };
  };
  expect((await readEarlier(readPage, 8)).map(({ seq, message }) => `${seq} ${message}`)).toEqual([
    '2 m2',
    '4 m4',
    '6 m6',
  ]);
  expect(asked).toEqual(['0', 'e1:4']);
});
