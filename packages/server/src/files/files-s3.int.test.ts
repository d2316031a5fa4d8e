import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { FILE_LIMIT } from './files.ts';
import { S3Files, type S3Place } from './files-s3.ts';
import { StoreFiles } from './files-store.ts';
import { S3StandIn } from './s3.rig.ts';

const patience = { timeout: 20_000, interval: 20 };
const clock = new SimulatedClock();
const before = new StoreFiles(new MemoryStore('e'));
const text = (value: string) => new TextEncoder().encode(value);

let s3: S3StandIn;
beforeEach(async () => {
  s3 = await S3StandIn.start('a secret');
});
afterEach(() => s3.close());

function files(about: Partial<S3Place> = {}): S3Files {
  const place = { bucket: 'box', prefix: 'runs/', region: 'eu-north-1', endpoint: s3.url };
  const keys = { accessKeyId: 'AKIA1', secretAccessKey: 'a secret', sessionToken: 'a session' };
  return new S3Files({ ...place, ...keys, ...about }, { clock, before, timeout: 20_000 });
}

/** Lets time pass until it has an answer. */
async function patiently<Answer>(asked: Promise<Answer>): Promise<Answer> {
  let over = false;
  const end = () => {
    over = true;
  };
  asked.then(end, end);
  await vi.waitFor(() => {
    clock.advance(500);
    expect(over).toBe(true);
  }, patience);
  return asked;
}

test('[FIL-1] a file is kept in the bucket under its tenant and SHA-256, by signed requests, and read back with its type', async () => {
  const place = files();
  const ref = await place.put('t', text('hello'), 'text/plain; charset="ü"');
  expect(ref).toMatchObject({ bytes: 5, type: 'text/plain; charset="ü"' });
  expect([...s3.objects.keys()]).toEqual([`/box/runs/t/${ref.$blob}`]);
  const { bytes, type } = await place.get('t', ref.$blob);
  expect([Buffer.from(bytes).toString(), type]).toEqual(['hello', ref.type]);
  expect(await place.put('t', text(''), 'x/y')).toMatchObject({ bytes: 0 });
  await expect(place.put('t', new Uint8Array(FILE_LIMIT + 1), 'x/y')).rejects.toMatchObject({
    code: 'payload_too_large',
  });
});

test('[FIL-1] no name of a tenant leads out of its own folder', async () => {
  const place = files();
  for (const tenant of ['..', 'a/b', 'ü', '%2e%2e', '']) {
    const { $blob } = await place.put(tenant, text(tenant), 'x/y');
    expect(Buffer.from((await place.get(tenant, $blob)).bytes).toString()).toBe(tenant);
    await expect(place.get('t', $blob)).rejects.toMatchObject({ code: 'file_not_found' });
  }
  for (const key of s3.objects.keys()) expect(key).toMatch(/^\/box\/runs\/~[\w-]*\/[0-9a-f]{64}$/);
  await expect(place.get('t', '../t/x')).rejects.toMatchObject({ code: 'file_not_found' });
});

test('[FIL-2] a file that was kept in the database before is still found; one that is nowhere is file_not_found', async () => {
  const { $blob } = await before.put('t', text('old'), 'text/old');
  expect(await files().get('t', $blob)).toMatchObject({ type: 'text/old' });
  await expect(files().get('t', '0'.repeat(64))).rejects.toMatchObject({ code: 'file_not_found' });
});

test('[FIL-3] what passes is tried again: 5xx, too many requests, no answer, a broken connection', async () => {
  s3.trouble.push(503, 429, 0);
  const { $blob } = await patiently(files().put('t', text('hello'), 'x/y'));
  expect(s3.requests).toBe(4);
  s3.trouble.push(500, 502, 503, 500);
  await expect(patiently(files().get('t', $blob))).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringContaining('answers 500 SlowDown. Wait'),
  });
  s3.trouble.push(0, 0, 0, 0);
  await expect(patiently(files().get('t', $blob))).rejects.toMatchObject({
    message: expect.stringContaining('does not answer: no answer within 20 s'),
  });
  const place = files();
  await s3.close();
  await expect(patiently(place.get('t', $blob))).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringMatching(/S3 at http:\S+ does not answer: .*ECONNREFUSED.*AWS_ENDPOINT_URL/),
  });
  s3 = await S3StandIn.start('a secret');
});

test.each([
  ['a wrong key', { secretAccessKey: 'wrong' }, /refuses access .*403 SignatureDoesNotMatch.*AWS_ACCESS_KEY_ID/],
  ['a bucket that is not there', { bucket: 'nobox' }, /has no bucket "nobox" \(404 NoSuchBucket\).*MILLRACE_BLOBS/],
])('[FIL-4] %s is told at once, with what to do', async (_what, about, message) => {
  const put = files(about).put('t', text('hello'), 'x/y');
  await expect(put).rejects.toMatchObject({ code: 'storage_unavailable', message: expect.stringMatching(message) });
  await expect(files(about).get('t', '0'.repeat(64))).rejects.toMatchObject({
    message: expect.stringMatching(message),
  });
  expect(s3.requests).toBe(2);
});

test('[FIL-5] an object whose bytes are not those that were put there is not handed out', async () => {
  const { $blob } = await files().put('t', text('hello'), 'x/y');
  for (const object of s3.objects.values()) object.bytes = Buffer.from('hellO');
  await expect(files().get('t', $blob)).rejects.toMatchObject({ code: 'storage_unavailable' });
});
