import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEventStream, type StreamMessage } from './event-stream.ts';

const text = [
  ': a comment\n\n',
  'id: e1:1\ndata: {"ä":"✓"}\n\n',
  'retry: 5\r\nid: e1:2\r\nevent: problem\r\ndata: one\r\ndata:two\r\n\r\n',
  'id: e1:7\n\n',
  'data: cut off',
].join('');
const expected: StreamMessage[] = [
  { id: 'e1:1', event: 'message', data: '{"ä":"✓"}' },
  { id: 'e1:2', event: 'problem', data: 'one\ntwo' },
  { id: 'e1:7', event: 'message', data: '' },
];

function streamOf(pieces: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

test('[CLT-19] server-sent events are read whole wherever their bytes are cut; an unfinished one is none', async () => {
  const bytes = new TextEncoder().encode(text);
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const ends = [0, ...places.sort((a, b) => a - b), bytes.length];
      const pieces = ends.slice(1).map((end, n) => bytes.slice(ends[n], end));
      const read: StreamMessage[] = [];
      for await (const messages of readEventStream(streamOf(pieces))) read.push(...messages);
      expect(read).toEqual(expected);
    }),
  );
});
