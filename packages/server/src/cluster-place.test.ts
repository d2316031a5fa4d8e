import { expect, test } from 'vitest';
import { addressOf, keyOf } from './cluster-place.ts';

test('[CLU-80] a server tells the others the address that is configured, else where it listens, never only "everywhere"', () => {
  expect(addressOf({ address: 'http://10.0.0.7:80', host: '0.0.0.0' }, 4600)).toBe('http://10.0.0.7:80');
  expect(addressOf({ host: '192.168.0.2' }, 4600)).toBe('http://192.168.0.2:4600');
  expect(addressOf({ host: '::1' }, 4600)).toBe('http://[::1]:4600');
  expect(addressOf({ host: '0.0.0.0' }, 1)).toMatch(/^http:\/\/(?!0\.0\.0\.0).+:1$/);
});

test('[CLU-81] servers of one cluster have the same key, by their secret or by what opens their database', () => {
  const a = { databaseUrl: 'postgres://u:p@db-a/millrace' };
  const b = { databaseUrl: 'postgresql://u:p@10.0.0.1:5432/millrace' };
  expect(keyOf(a)).toEqual(keyOf(b));
  expect(keyOf(a)).not.toEqual(keyOf({ databaseUrl: 'postgres://u:other@db-a/millrace' }));
  expect(keyOf({ ...a, secret: 'one and the same' })).toEqual(
    keyOf({ databaseUrl: 'postgres://x', secret: 'one and the same' }),
  );
});
