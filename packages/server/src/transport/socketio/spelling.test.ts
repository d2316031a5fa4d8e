import fc from 'fast-check';
import { Decoder } from 'socket.io-msgpack-parser';
import { expect, test } from 'vitest';
import { PACKET_END } from '../transport.ts';
import { jsonSpelling, msgpackSpelling } from './spelling.ts';

const joined = (events: readonly unknown[][]) =>
  Buffer.from(events.map((event) => JSON.stringify(event)).join(String.fromCharCode(PACKET_END)));

/** The payloads of unmasked frames, one after the other. */
function payloads(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const short = bytes[at + 1] as number;
    const [header, length] =
      short < 126
        ? [2, short]
        : short === 126
          ? [4, bytes.readUInt16BE(at + 2)]
          : [10, Number(bytes.readBigUInt64BE(at + 2))];
    found.push(bytes.subarray(at + header, at + header + length));
    at += header + length;
  }
  return found;
}

const events = fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.jsonValue()), { minLength: 1, maxLength: 5 });
const offsets = fc.option(fc.string(), { nil: undefined });
const withOffset = (all: unknown[][], offset: string | undefined) =>
  offset === undefined ? all : [...all, ['position', offset]];
const plain = (value: unknown[]) => JSON.parse(JSON.stringify(value)) as unknown[];

test('[DIA-49] whatever a namespace writes is what a client reads, in each of its forms', () => {
  fc.assert(
    fc.property(events, offsets, fc.constantFrom('/', '/jobs'), (all, offset, name) => {
      const expected = plain(withOffset(all, offset));
      const head = name === '/' ? '42' : `42${name},`;
      const batch = jsonSpelling(name).batch(joined(all), offset);
      const read = (text: string) => {
        expect(text.startsWith(head)).toBe(true);
        return JSON.parse(text.slice(head.length)) as unknown;
      };
      const [frame] = batch.framed(false).options.wsPreEncodedFrame as [Buffer];
      expect(payloads(frame).map((payload) => read(payload.toString()))).toEqual(expected);
      expect(batch.polled().map(({ data }) => read(`4${String(data)}`))).toEqual(expected);
      expect(batch.packets).toBe(expected.length);

      const decoded: unknown[] = [];
      const decoder = new Decoder();
      decoder.on('decoded', (packet: { nsp: string; data: unknown }) => decoded.push([packet.nsp, packet.data]));
      const packed = msgpackSpelling(name).batch(joined(all), offset);
      for (const { data } of packed.polled()) decoder.add(data);
      const large = (_key: string, value: unknown) =>
        Number.isInteger(value) && Math.abs(value as number) >= 2 ** 63 ? String(value) : value;
      const read64 = JSON.parse(JSON.stringify(expected, large)) as unknown[];
      expect(plain(decoded)).toEqual(read64.map((data) => [name, data]));
    }),
  );
});

test('[DIA-49] sockets that are given the same Buffer and stand at the same offset share their bytes', () => {
  const spelling = jsonSpelling('/jobs');
  const message = joined([['log', 'x'.repeat(9_000)]]);
  const first = spelling.batch(message, 'at-1');
  expect(spelling.batch(message, 'at-1')).toBe(first);
  expect(first.framed(true)).toBe(first.framed(true));
  expect(first.framed(false)).toBe(first.framed(false));
  expect(first.polled()).toBe(first.polled());
  expect(spelling.batch(message, 'at-2')).not.toBe(first);
  expect(spelling.batch(joined([['log', 'x'.repeat(9_000)]]), 'at-2')).not.toBe(first);
});
