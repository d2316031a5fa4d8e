import { expect, test } from 'vitest';
import { atLeast, atMost, type Claim } from '../bench/harness/claim.ts';
import { Histogram } from '../bench/harness/histogram.ts';
import { CheckedMessages, LogReader } from '../bench/harness/log-reader.ts';
import { plot } from '../bench/harness/plot.ts';
import { textOf } from '../bench/harness/results.ts';
import { quantile, seeded } from '../bench/harness/statistics.ts';

test('[BEN-3] a subscriber that gets a seq twice, too early or too late fails the round', () => {
  const numbers: number[] = [];
  const reader = new LogReader((n) => numbers.push(n));
  reader.next = 3;
  reader.take(3, 10, 0);
  reader.take(4, 11, 0);
  expect(() => reader.take(4, 11, 0)).toThrow('Instead of seq 5 came 4.');
  expect(() => reader.take(6, 12, 0)).toThrow('Instead of seq 5 came 6.');
  expect(numbers).toEqual([10, 11]);
});

test('[BEN-3] a message is taken for one that was checked only if it has its very bytes', () => {
  let parsed = 0;
  const messages = new CheckedMessages((bytes) => {
    parsed += 1;
    return { seqs: [bytes.lastIndexOf('x')], numbers: [0] };
  });
  const message = Buffer.alloc(5_000, 'a');
  message.write('x', 4_000);
  expect(messages.check(Buffer.from(message)).seqs).toEqual([4_000]);
  expect(messages.check(Buffer.from(message)).seqs).toEqual([4_000]);
  expect(parsed).toBe(1);
  message.write('x', 4_500);
  expect(messages.check(message).seqs).toEqual([4_500]);
  expect(parsed).toBe(2);
});

test('a histogram’s quantiles are those of the list, within its fineness', () => {
  const roll = seeded(7);
  const histogram = new Histogram();
  const list = Array.from({ length: 20_000 }, () => 10 ** (roll() * 4 - 2));
  for (const ms of list) histogram.add(ms);
  for (const q of [0.01, 0.5, 0.99]) expect(Math.abs(histogram.quantile(q) / quantile(list, q) - 1)).toBeLessThan(0.02);
  expect(new Histogram().quantile(0.5)).toBeNaN();
});

test('[BEN-4] results show both figures, what was found and its target, and call a miss a miss', () => {
  const claims: Claim[] = [
    { what: 'fast', ours: '4.00M', theirs: '200k', value: 20, unit: '×', ...atLeast(10) },
    { what: 'slow & late', ours: '9.00', theirs: '10.0', value: 0.9, unit: '×', ...atMost(0.5) },
    { what: 'never', ours: '–', theirs: '–', value: Number.NaN, unit: '×', ...atMost(0.5) },
  ];
  const text = textOf({ bench: 'b', machine: '2 cores', method: [], claims, tables: [], settings: [] });
  const rows = text.split('\n').filter((line) => line.includes('×'));
  expect(rows.map((row) => row.split('|').map((cell) => cell.trim()))).toEqual([
    ['', 'fast', '4.00M', '200k', '20.0×', '≥ 10×', 'met', ''],
    ['', 'slow & late', '9.00', '10.0', '0.90×', '≤ 0.5×', '**missed**', ''],
    ['', 'never', '–', '–', '–×', '≤ 0.5×', '**missed**', ''],
  ]);
  const drawing = plot(claims);
  expect(drawing).toContain('>fast<');
  expect(drawing).toContain('20×, met');
  expect(drawing).toContain('slow &amp; late');
  expect(drawing).toContain('0.9×, missed');
});
