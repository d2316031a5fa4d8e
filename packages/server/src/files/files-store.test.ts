import { expect, test } from 'vitest';
import { MemoryStore } from '../store/store-memory.ts';
import { FILE_LIMIT } from './files.ts';
import { StoreFiles } from './files-store.ts';

const files = () => new StoreFiles(new MemoryStore('0k3v9x2aa00000000'));
const text = (value: string) => new TextEncoder().encode(value);

test('[STO-80] a file is kept under the SHA-256 of its bytes and read back with its type', async () => {
  const place = files();
  const ref = await place.put('t', text('hello'), 'text/plain');
  expect(ref).toEqual({
    $blob: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    bytes: 5,
    type: 'text/plain',
  });
  expect(await place.put('t', text('hello'), 'text/plain')).toEqual(ref);
  const { bytes, type } = await place.get('t', ref.$blob);
  expect([Buffer.from(bytes).toString(), type]).toEqual(['hello', 'text/plain']);
});

test('[STO-81] a file that is not there, or is another tenant’s, is file_not_found', async () => {
  const place = files();
  const { $blob } = await place.put('t', text('hello'), 'text/plain');
  await expect(place.get('u', $blob)).rejects.toMatchObject({ code: 'file_not_found' });
  await expect(place.get('t', 'nothing')).rejects.toMatchObject({ code: 'file_not_found' });
});

test('[STO-82] a file over the limit is refused with payload_too_large and not kept', async () => {
  const place = files();
  const most = new Uint8Array(FILE_LIMIT);
  await expect(place.put('t', new Uint8Array(FILE_LIMIT + 1), 'x/y')).rejects.toMatchObject({
    code: 'payload_too_large',
    facts: { bytes: FILE_LIMIT + 1, limit: FILE_LIMIT },
  });
  expect(await place.put('t', most, 'x/y')).toMatchObject({ bytes: FILE_LIMIT });
});
