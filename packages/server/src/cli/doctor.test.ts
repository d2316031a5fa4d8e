import { expect, test } from 'vitest';
import { database, hints, nodeVersion, skew } from './doctor.ts';

test.each([
  ['22.14.0', false],
  ['22.15.0', true],
  ['24.1.0', true],
  ['20.20.0', false],
])('[CLI-9] Node %s is new enough: %s', (version, ok) => {
  expect(nodeVersion(version).fix === undefined).toBe(ok);
});

test('[CLI-9] a clock that is more than five seconds off is told', () => {
  expect(skew(1_000_000, 1_004_000).fix).toBeUndefined();
  expect(skew(1_010_000, 1_000_000)).toMatchObject({
    found: 'the server is 10 s ahead',
    fix: expect.stringContaining('NTP'),
  });
  expect(skew(1_000_000, 1_010_000).found).toBe('the server is 10 s behind');
});

test('[CLI-9] a refused database is told with the fix of its code', () => {
  const refused = { state: 'refused', code: 'database_too_new', detail: 'Needs layout 9.' } as const;
  expect(database({ database: refused, consoleBuilt: true })).toEqual({
    what: 'Database',
    found: 'Needs layout 9. (database_too_new)',
    fix: 'Use that version; nothing was changed.',
  });
});

test('[CLU-31] whether hints pass between servers is told where there may be several, with what to do', () => {
  const inspection = { database: { state: 'ok' }, consoleBuilt: true } as const;
  expect(hints(inspection)).toEqual([]);
  expect(hints({ ...inspection, hints: { by: 'Redis' } })).toEqual([
    { what: 'Between servers', found: 'Redis carries hints' },
  ]);
  expect(hints({ ...inspection, hints: { by: 'Redis', trouble: 'REDIS_URL: start it.' } })).toMatchObject([
    { found: 'not by Redis', fix: 'REDIS_URL: start it.' },
  ]);
});
