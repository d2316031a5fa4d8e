import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OwnedSids } from './owned-sid.ts';

const key = Buffer.from('shared');
const one = new OwnedSids({ address: 'http://10.0.0.1:4600', key });
const two = new OwnedSids({ address: 'http://10.0.0.2:4600', key });

test('[DIA-52] an id names its owner to the others, and nothing to its owner', () => {
  const sid = one.next();
  expect(encodeURIComponent(sid)).toBe(sid);
  expect(one.next()).not.toBe(sid);
  expect(two.foreignOwner(sid)?.href).toBe('http://10.0.0.1:4600/');
  expect(one.foreignOwner(sid)).toBeUndefined();
});

test('[DIA-52] an id that was made or changed without the key names nobody', () => {
  const sid = one.next();
  const stranger = new OwnedSids({ address: 'http://10.0.0.3:4600', key: Buffer.from('another') });
  expect(two.foreignOwner(stranger.next())).toBeUndefined();
  fc.assert(
    fc.property(fc.nat(sid.length - 1), fc.constantFrom(...'aZ09-_.'), (at, letter) => {
      const changed = sid.slice(0, at) + letter + sid.slice(at + 1);
      expect(two.foreignOwner(changed)?.href).toBe(changed === sid ? 'http://10.0.0.1:4600/' : undefined);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(two.foreignOwner(text)).toBeUndefined();
    }),
  );
});

test('[DIA-53] a server that is alone makes plain ids and passes nothing on', () => {
  const alone = new OwnedSids(undefined);
  expect(alone.next()).toMatch(/^[\w-]{20}$/);
  expect(alone.foreignOwner(one.next())).toBeUndefined();
});
