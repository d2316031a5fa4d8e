import { expect, test } from 'vitest';
import type { DueRow } from '../store/store.ts';
import { DueBackoff } from './due-backoff.ts';

const row = (key: string, at = 0): DueRow => ({ tenant: 't', run: 'r', key, at, command: '{}' });

test('[SCH-1] a row that still stands after its try waits 1, 2, 4 … 60 seconds, and is never given up', () => {
  const backoff = new DueBackoff();
  const stuck = row('stuck');
  const waited: number[] = [];
  let now = 0;
  for (let n = 0; n < 9; n += 1) {
    expect(backoff.take([stuck], now)).toEqual([stuck]);
    expect(backoff.take([stuck], now + 1_000_000)).toEqual([]);
    backoff.landed(stuck, now);
    const next = backoff.settle([stuck], true);
    waited.push((next - now) / 1_000);
    expect(backoff.take([stuck], next - 1)).toEqual([]);
    now = next;
  }
  expect(waited).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test('[SCH-1] a row that is gone is forgotten, and one that is written again for another time is a new one', () => {
  const backoff = new DueBackoff();
  backoff.take([row('a', 1), row('b', 2)], 5);
  expect(backoff.size).toBe(2);
  expect(backoff.settle([row('c', 9)], false)).toBe(9);
  expect(backoff.size).toBe(0);
  backoff.take([row('a', 1)], 5);
  expect(backoff.take([row('a', 6)], 6)).toEqual([row('a', 6)]);
  expect(backoff.settle([], true)).toBe(Number.POSITIVE_INFINITY);
  expect(backoff.size).toBe(0);
});
