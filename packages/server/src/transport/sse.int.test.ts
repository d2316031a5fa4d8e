import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { MillraceError, type RunEvent } from '@millrace/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Hub } from '../hub/face.ts';
import { createHub } from '../hub/hub.ts';
import { LogWriter, logLine, principal } from '../hub/log-writer.suite.ts';
import { noMetrics } from '../metrics/metrics.ts';
import { type SseOptions, sse } from './sse.ts';

let writer: LogWriter;
let hub: Hub;
let server: Server;
let options: Partial<SseOptions>;

beforeEach(async () => {
  writer = new LogWriter();
  options = {};
  const verify = async () => principal();
  hub = createHub({
    ...writer,
    metrics: noMetrics,
    server: 'boot',
    auth: { verify },
    submit: async () => ({ seq: 0 }),
  });
  server = createServer((request, response) => {
    const { searchParams, pathname } = new URL(request.url ?? '', 'http://localhost');
    const after = searchParams.get('after');
    sse(request, response, {
      hub,
      clock: writer.clock,
      principal: principal(),
      run: pathname.slice(1),
      ...(after === null ? {} : { after }),
      ...options,
    }).catch((error: unknown) => {
      response.writeHead(error instanceof MillraceError ? error.row.http : 500).end((error as MillraceError).code);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  await writer.create('r');
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

interface Message {
  id?: string;
  event?: string;
  data?: string;
}

/** Reads a stream as it stands on the wire. */
async function follow(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(url(path), { headers });
  const stream = { response, text: '', ended: false };
  const read = async () => {
    for await (const chunk of response.body ?? []) stream.text += Buffer.from(chunk).toString();
    stream.ended = true;
  };
  read().catch(() => {});
  const messages = (): Message[] =>
    stream.text
      .split('\n\n')
      .slice(0, -1)
      .filter((block) => block !== ':')
      .map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s))) as Message);
  return {
    response,
    stream,
    messages,
    seqs: () => messages().flatMap(({ data, event }) => (data && !event ? [(JSON.parse(data) as RunEvent).seq] : [])),
    last: () => messages().at(-1),
  };
}

const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, place) => from + place);

test('[NET-20] a stream is one message per event: id is its cursor, data its stored text; proxies are told not to hold it', async () => {
  await writer.logs('r', 2);
  const one = await follow('/r');
  await vi.waitFor(() => expect(one.seqs()).toEqual([1, 2, 3]));
  await writer.logs('r', 1);
  await vi.waitFor(() => expect(one.seqs()).toEqual([1, 2, 3, 4]));
  expect(one.messages().map(({ id }) => id)).toEqual(['e2:1', 'e2:2', 'e2:3', 'e2:4']);
  expect(
    one
      .messages()
      .map(({ data }) => data)
      .join(),
  ).toBe(await writer.texts('r'));
  expect(Object.fromEntries(one.response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
});

test('[NET-21] from a cursor, or from the Last-Event-ID that goes before it, every seq comes once and in order', async () => {
  await writer.logs('r', 500);
  const streams = await Promise.all([
    follow('/r?after=e2:100'),
    follow('/r?after=100'),
    follow('/r?after=5', { 'last-event-id': 'e2:100' }),
  ]);
  for (let batch = 0; batch < 60; batch++) await writer.logs('r', 2);
  for (const one of streams) await vi.waitFor(() => expect(one.last()?.id).toBe('e2:621'));
  for (const one of streams) expect(one.seqs()).toEqual(upTo(101, 621));
});

test('[NET-22] a stretch that the reader may not see is an id without data', async () => {
  options = { filter: { types: ['node.started'] } };
  await writer.logs('r', 3);
  const one = await follow('/r');
  await vi.waitFor(() => expect(one.last()).toEqual({ id: 'e2:4' }));
  expect(one.seqs()).toEqual([1]);
});

test('[NET-23] the stream ends after the last event of an ended run, and coming back there is answered with 204', async () => {
  const one = await follow('/r');
  await writer.append('r', [
    { type: 'run.started', data: {} },
    { type: 'run.completed', data: { duration: 1 } },
  ]);
  await vi.waitFor(() => expect(one.stream.ended).toBe(true));
  expect(one.seqs()).toEqual([1, 2, 3]);
  expect((await follow('/r', { 'last-event-id': 'e2:3' })).response.status).toBe(204);
  const again = await follow('/r?after=1');
  await vi.waitFor(() => expect(again.stream.ended).toBe(true));
  expect(again.seqs()).toEqual([2, 3]);
});

test('[NET-24] a cursor that cannot be served brings an event gap, then an event snapshot, then what follows', async () => {
  const one = await follow('/r', { 'last-event-id': 'e1:50' });
  await vi.waitFor(() => expect(one.messages()).toHaveLength(2));
  await writer.logs('r', 1);
  await vi.waitFor(() => expect(one.messages()).toHaveLength(3));
  const [gap, snapshot, event] = one.messages();
  expect(gap?.event).toBe('gap');
  expect(JSON.parse(gap?.data ?? '')).toEqual({ requested: 'e1:50', earliest: 1, latest: 1 });
  expect(snapshot).toMatchObject({ event: 'snapshot', id: 'e2:1' });
  expect(JSON.parse(snapshot?.data ?? '')).toMatchObject({
    run: 'r',
    seq: 1,
    view: { control: { status: 'created' } },
  });
  expect(event?.id).toBe('e2:2');
});

test('a snapshot is sent first where it was asked for and there is no cursor', async () => {
  options = { snapshot: true };
  const one = await follow('/r');
  await vi.waitFor(() => expect(one.last()).toMatchObject({ event: 'snapshot', id: 'e2:1' }));
  const other = await follow('/r?after=0');
  await vi.waitFor(() => expect(other.seqs()).toEqual([1]));
});

test('what is refused is an HTTP error, before anything is written', async () => {
  const status = async (path: string) => {
    const { response, stream } = await follow(path);
    await vi.waitFor(() => expect(stream.ended).toBe(true));
    return [response.status, stream.text];
  };
  expect(await status('/none')).toEqual([404, 'run_not_found']);
  expect(await status('/r?after=nonsense')).toEqual([400, 'invalid_cursor']);
  options = { principal: principal({ id: 'bob' }) };
  expect(await status('/r')).toEqual([404, 'run_not_found']);
  options = { principal: principal({ scopes: [] }) };
  expect(await status('/r')).toEqual([403, 'forbidden']);
});

test('[NET-25] a stream begins with a comment, and a silent one gets another every 15 s', async () => {
  const one = await follow('/r?after=1');
  for (let beat = 1; beat <= 3; beat++) {
    writer.clock.advance(15_000);
    await vi.waitFor(() => expect(one.stream.text).toBe(':\n\n'.repeat(beat + 1)));
  }
});

test('the stream ends with a problem when its token expires, and when the server drains', async () => {
  options = { principal: principal({ expires: writer.clock.now() + 1_000 }) };
  const expiring = await follow('/r');
  await vi.waitFor(() => expect(expiring.seqs()).toEqual([1]));
  writer.clock.advance(1_000);
  await vi.waitFor(() => expect(expiring.stream.ended).toBe(true));
  expect(expiring.last()).toMatchObject({ event: 'problem', data: expect.stringContaining('token_expired') });
  options = {};
  const draining = await follow('/r');
  await vi.waitFor(() => expect(draining.seqs()).toEqual([1]));
  hub.stop('deploy');
  await vi.waitFor(() => expect(draining.stream.ended).toBe(true));
  expect(draining.last()).toMatchObject({ event: 'problem', data: expect.stringContaining('shutting_down') });
});

test('[NET-26] a reader that stops reading holds bounded memory and reads on by cursor', async () => {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  let response: IncomingMessage | undefined;
  server.on('request', (request) => {
    response = request;
  });
  socket.write('GET /r?after=1 HTTP/1.1\r\nhost: x\r\n\r\n');
  await vi.waitFor(() => expect(text).toContain('200 OK'));
  socket.pause();
  for (let batch = 0; batch < 400; batch++) await writer.append('r', [logLine(`${batch} ${'x'.repeat(50_000)}`)]);
  await vi.waitFor(() => expect(response?.socket.writableLength).toBeGreaterThan(256 * 1024));
  expect(response?.socket.writableLength).toBeLessThan(1024 * 1024);
  socket.resume();
  await vi.waitFor(() => expect(text).toContain('id: e2:401\n'), { timeout: 10_000 });
  expect([...text.matchAll(/id: e2:(\d+)\n/g)].map(([, seq]) => Number(seq))).toEqual(upTo(2, 401));
  socket.destroy();
});
