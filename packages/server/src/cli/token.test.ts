import { expect, test } from 'vitest';
import { seconds } from './token.ts';

test.each([
  ['90', 90],
  ['90s', 90],
  ['15m', 900],
  ['12h', 43_200],
  ['30d', 2_592_000],
])('[CLI-5] --ttl %s is %i seconds', (text, expected) => {
  expect(seconds(text)).toBe(expected);
});

test.each(['', '0', '-1', '5w', '1h30m', 'soon'])('[CLI-5] --ttl "%s" is refused', (text) => {
  expect(() => seconds(text)).toThrow('Expected a duration like 90s');
});
