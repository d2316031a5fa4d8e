import { MillraceError } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { checkTimes, nextFiring } from './firing-times.ts';

const ms = (iso: string): number => Date.parse(iso);

function firings(cron: string, timezone: string | undefined, after: string, count: number): string[] {
  const times: string[] = [];
  let at = ms(after);
  for (let n = 0; n < count; n += 1) {
    at = nextFiring({ cron, ...(timezone === undefined ? {} : { timezone }) }, at, at) as number;
    times.push(new Date(at).toISOString().slice(0, 16));
  }
  return times;
}

describe('[SCH-11] cron is read in its time zone, UTC by default', () => {
  test.each([
    ['UTC by default', '30 2 * * *', undefined, '2027-01-01T00:00Z', ['2027-01-01T02:30', '2027-01-02T02:30']],
    ['a zone east of it', '30 2 * * *', 'Asia/Tokyo', '2027-01-01T00:00Z', ['2027-01-01T17:30', '2027-01-02T17:30']],
    ['six fields', '30 0 12 * * *', 'UTC', '2027-01-01T00:00Z', ['2027-01-01T12:00', '2027-01-02T12:00']],
    ['working days', '0 9 * * 1-5', 'UTC', '2027-01-01T10:00Z', ['2027-01-04T09:00', '2027-01-05T09:00']],
    [
      'a time that the clock leaps over fires when it has leapt',
      '30 2 * * *',
      'Europe/Berlin',
      '2027-03-27T12:00Z',
      ['2027-03-28T01:00', '2027-03-29T00:30'],
    ],
    [
      'a time that comes twice fires once',
      '30 2 * * *',
      'Europe/Berlin',
      '2027-10-30T12:00Z',
      ['2027-10-31T00:30', '2027-11-01T01:30'],
    ],
    [
      'every half hour goes on through the hour that comes twice',
      '*/30 * * * *',
      'Europe/Berlin',
      '2027-10-31T00:00Z',
      ['2027-10-31T00:30', '2027-10-31T01:00', '2027-10-31T01:30', '2027-10-31T02:00'],
    ],
    [
      'every half hour goes on through the leap',
      '*/30 * * * *',
      'Europe/Berlin',
      '2027-03-28T00:30Z',
      ['2027-03-28T01:00', '2027-03-28T01:30'],
    ],
  ])('%s', (_name, cron, timezone, after, expected) => {
    expect(firings(cron, timezone, after, expected.length)).toEqual(expected);
  });
});

test('[SCH-9] an interval counts on from its last firing, whenever that was carried out', () => {
  expect(nextFiring({ every: 60_000 }, 1_000, 1_000)).toBe(61_000);
  expect(nextFiring({ every: 60_000 }, 61_250, 61_000)).toBe(121_000);
  expect(nextFiring({ every: 60_000 }, 121_000, 61_000)).toBe(181_000);
  expect(nextFiring({ every: 60_000 }, 1_000_000, 61_000)).toBe(1_021_000);
});

test.each([
  [{}, 'either "cron" or "every"'],
  [{ cron: '* * * * *', every: 1_000 }, 'and not both'],
  [{ every: 999 }, 'at least 1000'],
  [{ every: 1_500.5 }, 'whole milliseconds'],
  [{ cron: '* * *' }, 'five or six fields'],
  [{ cron: '2027-05-05T00:00:00' }, 'five or six fields'],
  [{ cron: '61 * * * *' }, '"61 * * * *"'],
  [{ cron: '0 0 30 2 *' }, 'no time that ever comes'],
  [{ cron: '0 0 * * *', timezone: 'Mars/Olympus' }, 'IANA name'],
])('[SCH-12] %j is refused as schedule_invalid, saying what was expected', (times, expected) => {
  expect(() => checkTimes(times, ms('2027-01-01T00:00Z'))).toThrow(MillraceError);
  expect(() => checkTimes(times, ms('2027-01-01T00:00Z'))).toThrow(expected);
});
