import { expect, test } from 'vitest';
import { resolveBlobs } from './resolve-blobs.ts';

const stored: Record<string, unknown> = { one: { deep: [1, 2] }, items: ['a', 'b'] };
const get = async (sha: string) => Buffer.from(JSON.stringify(stored[sha]));
const ref = (sha: string, type = 'application/json') => ({ $blob: sha, bytes: 9, type });

test('[ENG-22] a blob of JSON comes back as the value it was, wherever it stands, and an item of a large forEach alone', async () => {
  expect(await resolveBlobs({ x: [ref('one')], y: null, z: 'text' }, get)).toEqual({
    x: [{ deep: [1, 2] }],
    y: null,
    z: 'text',
  });
  expect(await resolveBlobs({ $item: ref('items'), index: 1 }, get)).toBe('b');
});

test('[ENG-22] a reference to a file that is no JSON stays a reference', async () => {
  expect(await resolveBlobs({ file: ref('f', 'image/png') }, get)).toEqual({ file: ref('f', 'image/png') });
});
