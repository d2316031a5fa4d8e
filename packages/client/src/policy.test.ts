import fc from 'fast-check';
import { expect, test } from 'vitest';
import { executionsReconnection, jobsReconnection, resilientReconnection } from './compat/reconnection.ts';
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

test('[CLT-100] without jitter it waits for the window itself, as the established clients do', () => {
  const waits = (preset: Partial<typeof defaultPolicy>, random: number) =>
    [1, 2, 3, 4, 5, 6].map((attempt) => backoff({ ...defaultPolicy, ...preset }, attempt, random));
  expect(waits(resilientReconnection, 0)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
  for (const preset of [executionsReconnection, jobsReconnection]) {
    expect(waits(preset, 1)).toEqual([1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
    expect(waits(preset, 0.5)).toEqual([500, 1_000, 2_000, 2_500, 2_500, 2_500]);
  }
  expect([resilientReconnection, executionsReconnection, jobsReconnection].map(({ attempts }) => attempts)).toEqual([
    999,
    5,
    Infinity,
  ]);
});
