import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTimePosition, parseTimePosition } from './position-time.ts';

const DAY = 86_400_000;
const year9999 = Date.UTC(9999, 11, 31);
const anyTime = fc.integer({ min: 0, max: year9999 });
const anySeq = fc.oneof(fc.integer({ min: 0, max: 200_000 }), fc.maxSafeNat());

describe('the timestamp that carries a place', () => {
  test('[DIA-1] comes back as its ms and its seq, for any seq up to 2⁵³ − 1', () => {
    fc.assert(
      fc.property(anyTime, anySeq, (at, seq) => {
        expect(parseTimePosition(formatTimePosition(at, seq))).toEqual({ at, seq });
      }),
      { seed: 6, numRuns: 2_000 },
    );
  });

  test('[DIA-1] is a time that any reader of ISO 8601 takes for the ms that it is, up to seq 99,999', () => {
    fc.assert(
      fc.property(anyTime, fc.integer({ min: 0, max: 99_999 }), (at, seq) => {
        const text = formatTimePosition(at, seq);
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{8}Z$/);
        expect(Date.parse(text)).toBe(at);
      }),
      { seed: 6 },
    );
  });

  test.each([
    ['2026-01-14T10:00:00.123Z', 123],
    ['2026-01-14T10:00:00Z', 0],
    ['2026-01-14T10:00:00', 0],
    ['2026-01-14T10:00:00.123456', 123],
    ['2026-01-14T10:00:00.123456+00:00', 123],
    ['2026-01-14T12:00:00.123456+0200', 123],
    ['2026-01-14T10:00:00.1234567Z', 123],
    ['2026-01-14T10:00:00.123456789Z', 123],
    ['2026-01-14T10:00:00.1Z', 100],
    // more digits than a seq of ours has, and zeros before one that needs none
    ['2026-01-14T10:00:00.12399999999999999999Z', 123],
    ['2026-01-14T10:00:00.1230000000000000042Z', 123],
  ])('[DIA-2] %s is somebody’s clock: a time without a place', (text, ms) => {
    expect(parseTimePosition(text)).toEqual({ at: Date.UTC(2026, 0, 14, 10) + ms });
  });

  test('[DIA-2] of a clock of s, ms, µs or ns never has a place, in whatever zone', () => {
    const zone = fc.constantFrom('', 'Z', '+00:00', '-05:30', '+0200');
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20_000 }),
        fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 9),
        fc.nat(),
        zone,
        (day, n, k, z) => {
          const digits = n === 0 ? '' : `.${String(k).padStart(n, '0').slice(0, n)}`;
          const text = `${new Date(day * DAY).toISOString().slice(0, 19)}${digits}${z}`;
          expect(parseTimePosition(text)).toEqual({ at: expect.any(Number) });
        },
      ),
      { seed: 6, numRuns: 500 },
    );
  });

  test.each([
    '',
    'now',
    '2026',
    '12',
    '2026-13-45T10:00:00Z',
    '2026-01-14',
    'e1:12',
    `2026-01-14T10:00:00.${'1'.repeat(400)}x`,
  ])('[DIA-2] %j is none', (text) => {
    expect(parseTimePosition(text)).toBeUndefined();
  });
});
