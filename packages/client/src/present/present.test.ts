import { emptyView, type LogLine } from '@millrace/protocol/view';
import { describe, expect, test } from 'vitest';
import { foldAll } from '../fake-server.suite.ts';
import { bytesText, costText, moneyText } from './amount.ts';
import { agoText, durationText } from './duration.ts';
import { logWindow } from './log-window.ts';
import { type AnyStatus, lookOf } from './status.ts';
import { timelineOf } from './timeline.ts';

test.each([
  [0, '0 ms'],
  [-5, '0 ms'],
  [99, '99 ms'],
  [400, '0.4 s'],
  [9_949, '9.9 s'],
  [12_000, '12 s'],
  [185_000, '3 min 05 s'],
  [7_800_000, '2 h 10 min'],
  [273_600_000, '3 d 4 h'],
])('durationText(%i) = %s', (ms, text) => expect(durationText(ms)).toBe(text));

test.each([
  [1_000, 'just now'],
  [-1_000, 'just now'],
  [12_000, '12 s ago'],
  [180_000, '3 min ago'],
  [7_200_000, '2 h ago'],
  [500_000_000, '5 d ago'],
])('agoText of %i ms = %s', (ms, text) => expect(agoText(1_000_000, 1_000_000 + ms)).toBe(text));

test.each([
  [820, '820 B'],
  [12_700, '12.4 KB'],
  [300 * 1024 * 1024, '300 MB'],
])('bytesText(%i) = %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));

test('money keeps what small amounts say, and unknown currencies their name', () => {
  expect(costText({ USD: 0.0042 })).toBe('$0.0042');
  expect(costText({ USD: 1.2, EUR: 3 })).toBe('$1.20 + €3.00');
  expect(costText({})).toBe('');
  expect(moneyText(2, 'credits')).toBe('2.00 credits');
});

test('[CLT-23] no two statuses look the same without colour, and every one has a word', () => {
  const states =
    'created pending queued running processing waiting open paused retrying completed answered failed timed_out skipped cancelled';
  const looks = (states.split(' ') as AnyStatus[]).map((status) => lookOf(status));
  expect(new Set(looks.map(({ symbol }) => symbol)).size).toBe(looks.length);
  expect(new Set(looks.map(({ word }) => word)).size).toBe(looks.length);
  expect(lookOf('running', 'cancelling').word).toBe('Cancelling');
});

test('logWindow hides what was retracted, and filters by level, text and node', () => {
  const line = (seq: number, more: Partial<LogLine>): LogLine => ({
    seq,
    at: seq,
    level: 'info',
    message: `m${seq}`,
    ...more,
  });
  const lines = [
    line(1, { superseded: true }),
    line(2, { level: 'error', message: 'Disk FULL' }),
    line(3, { node: 'index' }),
    line(4, { level: 'debug' }),
  ];
  const shown = (filter?: Parameters<typeof logWindow>[1]) => logWindow(lines, filter).map(({ seq }) => seq);
  expect(shown()).toEqual([2, 3, 4]);
  expect(shown({ superseded: true })).toEqual([1, 2, 3, 4]);
  expect(shown({ levels: ['error', 'debug'] })).toEqual([2, 4]);
  expect(shown({ text: ' full ' })).toEqual([2]);
  expect(shown({ text: 'INDEX' })).toEqual([3]);
  expect(shown({ node: 'index' })).toEqual([3]);
});

describe('timelineOf', () => {
  const created = {
    seq: 1,
    at: 1_000,
    type: 'run.created' as const,
    data: {
      workflow: 'w',
      nodes: [
        { id: 'a', task: 't' },
        { id: 'b', task: 't', needs: ['a'] },
      ],
      input: null,
    },
  };
  const of = { node: 'a', attempt: 1 };
  const view = foldAll('r', [
    created,
    { seq: 2, at: 2_000, type: 'node.started', ...of, data: {} },
    { seq: 3, at: 3_000, type: 'step.started', ...of, step: 's', data: { name: 's' } },
    { seq: 4, at: 5_000, type: 'step.completed', ...of, step: 's', data: { name: 's' } },
    { seq: 5, at: 5_000, type: 'approval.requested', ...of, data: { approvalId: 'ok', title: 'Publish?' } },
  ]);

  test('bars of nodes, steps and waits, as parts of the whole; what runs reaches to now', () => {
    const { start, end, rows } = timelineOf(view, 11_000);
    expect([start, end]).toEqual([1_000, 11_000]);
    expect(rows.map(({ key, label, left, width }) => [key, label, left, width])).toEqual([
      ['a', 'a', 0.1, 0.9],
      ['a/s', 's', 0.2, 0.2],
      ['a/#ok', 'Publish?', 0.4, 0.6],
      ['b', 'b', 1, 0],
    ]);
  });

  test('an empty view has no rows and no division by zero', () => {
    expect(timelineOf(emptyView('r'), 0)).toMatchObject({ rows: [] });
  });
});
