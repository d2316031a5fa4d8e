import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoff, defaultPolicy } from './policy.ts';

test('[CLT-14] the window begins at 1 s, doubles, and ends at 30 s; the wait is anywhere in it', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 1_000].map((attempt) => backoff(defaultPolicy, attempt, 1));
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(backoff(defaultPolicy, 5, 0)).toBe(0);
});

test('[CLT-14] nobody comes back before Retry-After', () => {
  const random = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 99 }),
      random,
      fc.integer({ min: 0, max: 600_000 }),
      (attempt, chance, least) => {
        const wait = backoff(defaultPolicy, attempt, chance, least);
        expect(wait).toBeGreaterThanOrEqual(least);
        expect(wait).toBeLessThanOrEqual(least + 30_000);
      },
    ),
  );
});
