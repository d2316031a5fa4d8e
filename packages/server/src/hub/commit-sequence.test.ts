import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommitSequence } from './commit-sequence.ts';

test('[HUB-22] whatever order commits become visible in, each is read once, and what is missing is a hole', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 30 })), fc.integer({ min: 0, max: 10 }), (order, start) => {
      const sequence = new CommitSequence(start);
      const seen = new Set<number>();
      for (const n of order) {
        expect(sequence.read(n, 0)).toBe(n > start);
        expect(sequence.read(n, 0)).toBe(false);
        if (n > start) seen.add(n);
      }
      const newest = Math.max(start, ...seen);
      expect(sequence.newest).toBe(newest);
      const missing = sequence.holes.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, at) => from + at),
      );
      const all = Array.from({ length: newest - start }, (_, at) => start + 1 + at);
      expect(missing.sort((a, b) => a - b)).toEqual(all.filter((n) => !seen.has(n)));
    }),
  );
});

test('a hole is waited for from the moment that it was passed over, and what is left of it as long', () => {
  const sequence = new CommitSequence(0);
  sequence.read(4, 100);
  sequence.read(6, 200);
  sequence.read(2, 300);
  expect(sequence.holes.map(({ from, to, since }) => [from, to, since])).toEqual([
    [1, 1, 100],
    [3, 3, 100],
    [5, 5, 200],
  ]);
  expect(sequence.giveUp(99)).toBe(false);
  expect(sequence.giveUp(100)).toBe(true);
  expect(sequence.holes).toEqual([{ from: 5, to: 5, since: 200 }]);
  expect(sequence.read(3, 400)).toBe(false);
  expect(sequence.read(5, 400)).toBe(true);
});
