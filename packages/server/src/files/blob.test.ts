import { hash } from 'node:crypto';
import type { BlobRef, Json } from '@millrace/protocol/json';
import { expect, test } from 'vitest';
import { offload, resolve } from './blob.ts';

function shelf() {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    put: async (bytes: Uint8Array, type: string): Promise<BlobRef> => {
      const $blob = hash('sha256', bytes, 'hex');
      kept.set($blob, bytes);
      return { $blob, bytes: bytes.length, type };
    },
    get: async (sha256: string): Promise<Uint8Array> => kept.get(sha256) as Uint8Array,
  };
}

test.each<[string, Json, number, boolean]>([
  ['whose text has just the threshold', 'x'.repeat(98), 100, false],
  ['one byte over it', 'x'.repeat(99), 100, true],
  ['counted in bytes, not in characters', 'é'.repeat(50), 100, true],
  ['that is nothing', null, 100, false],
  ['with depth', { list: [1, { text: 'y'.repeat(200) }] }, 100, true],
])('[STO-83] a value %s comes back as it was', async (_what, value, threshold, moved) => {
  const { kept, put, get } = shelf();
  const stands = await offload(value, threshold, put);
  expect(kept.size).toBe(moved ? 1 : 0);
  expect(stands).toEqual(
    moved ? { $blob: [...kept.keys()][0], bytes: expect.any(Number), type: 'application/json' } : value,
  );
  expect(await resolve(stands, get)).toEqual(value);
});

test('[STO-84] a reference to a file that is no JSON stays a reference', async () => {
  const { put, get } = shelf();
  const ref = await put(new Uint8Array([1, 2, 3]), 'image/png');
  expect(await resolve(ref, get)).toBe(ref);
});
