import { expect, test } from 'vitest';
import { clear } from './lens.ts';
import { formOf, LogRange } from './log-range.ts';
import { nativeEncoding } from './native-encoding.ts';
import { PageCache } from './page-cache.ts';

const page = (seq: number, bytes: number) => {
  const key = { tenant: 't', run: 'r' };
  return { range: new LogRange(key, { seq, through: seq, text: 'x'.repeat(bytes) }), whole: true };
};

test('[HUB-27] read pages are kept up to a number of bytes, what was built of them included; the ones used last stay', () => {
  const cache = new PageCache(10_000);
  for (let place = 1; place <= 9; place++) cache.set(`p${place}`, page(place, 1_000));
  for (const place of [1, 2]) {
    const range = cache.get(`p${place}`)?.range;
    for (const key of ['r', 'r|1']) range?.told(formOf(nativeEncoding, clear, key));
  }
  const kept = () => [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((place) => cache.get(`p${place}`));
  // Two pages weigh three times their text now, so four others had to go.
  cache.get('p1');
  cache.get('p2');
  expect(kept()).toEqual([1, 2, 7, 8, 9]);
  cache.set('huge', page(10, 20_000));
  expect(kept()).toEqual([]);
});
