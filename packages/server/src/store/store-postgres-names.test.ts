import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameIn, nameOut, shortName } from './store-postgres-names.ts';

const name = fc.string({ unit: fc.constantFrom('a', '0', '1', '\u0000', '\uffff', 'é', '😀') });

test('[STO-120] a name comes back from Postgres as it went in, and no two become one', () => {
  fc.assert(
    fc.property(name, name, (one, other) => {
      expect(nameIn(one)).not.toContain('\u0000');
      expect(nameOut(nameIn(one))).toBe(one);
      expect(nameIn(one) === nameIn(other)).toBe(one === other);
    }),
    { seed: 20_261_121 },
  );
});

test('[STO-120] a name that an index cannot take is told from every other one all the same', () => {
  const long = '漢'.repeat(1_000);
  expect(shortName('short')).toBe('short');
  expect(Buffer.byteLength(shortName(long))).toBeLessThan(100);
  expect(shortName(long)).not.toBe(shortName(`${long}!`));
  expect(shortName(long)).toBe(shortName(long));
});
