import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { MillraceError, type ServerFrame } from '@millrace/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import type { Hub } from '../hub/face.ts';
import { createHub } from '../hub/hub.ts';
import { expectExact, LogWriter, logLine, principal } from '../hub/log-writer.suite.ts';
import { noMetrics } from '../metrics/metrics.ts';
import { createWebSocketHandler } from './websocket.ts';

let writer: LogWriter;
let hub: Hub;
let server: Server;
let clients: Client[];
/** the server's ends of the sockets, in the order of their coming */
let below: Duplex[];

const auth = {
  async verify(token: string | undefined) {
    if (token === 'old') throw new MillraceError('token_expired');
    if (token !== 'good.to-ken_1') throw new MillraceError('unauthorized');
    return principal();
  },
};
const gate = {
  check({ origin }: { origin?: string | undefined }) {
    if (origin === 'https://evil.example') throw new MillraceError('origin_not_allowed');
  },
};

beforeEach(async () => {
  clients = [];
  writer = new LogWriter();
  hub = createHub({ ...writer, metrics: noMetrics, server: 'boot', auth, submit: async () => ({ seq: 0 }) });
  const handler = createWebSocketHandler({ hub, auth, gate, clock: writer.clock });
  below = [];
  server = createServer().on('upgrade', (request, socket, head) => {
    below.push(socket);
    handler.upgrade(request, socket, head);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  await writer.create('r');
});

afterEach(async () => {
  for (const { ws } of clients) ws.terminate();
  await new Promise((closed) => server.close(closed));
});

class Client {
  readonly ws: WebSocket;
  readonly frames: ServerFrame[] = [];
  messages = 0;
  code: number | undefined;
  pings = 0;

  constructor(about: { query?: string; protocols?: string[]; options?: ClientOptions }) {
    const { port } = server.address() as AddressInfo;
    this.ws = new WebSocket(
      `ws://127.0.0.1:${port}/live${about.query ?? ''}`,
      about.protocols ?? ['millrace.v1'],
      about.options,
    );
    this.ws.on('message', (data, binary) => {
      expect(binary).toBe(false);
      this.messages += 1;
      this.frames.push(...[JSON.parse(data.toString()) as ServerFrame | ServerFrame[]].flat());
    });
    this.ws.on('close', (code) => {
      this.code = code;
    });
    this.ws.on('ping', () => {
      this.pings += 1;
    });
    this.ws.on('error', () => {});
  }

  send(frame: object): void {
    this.ws.send(JSON.stringify(frame));
  }

  get ranges() {
    return this.frames.filter((frame) => frame.type === 'range');
  }

  get codes() {
    return this.frames.flatMap((frame) => (frame.type === 'error' ? [frame.problem.code] : []));
  }
}

function client(about: ConstructorParameters<typeof Client>[0] = {}): Client {
  const made = new Client(about);
  clients.push(made);
  return made;
}

const bearer = { options: { headers: { authorization: 'Bearer good.to-ken_1' } } };
const greeted = (one: Client) => vi.waitFor(() => expect(one.frames[0]).toMatchObject({ type: 'hello', user: 'ada' }));
const opened = (one: Client) => vi.waitFor(() => expect(one.ws.readyState).toBe(WebSocket.OPEN));

test.each([
  ['in Authorization', bearer],
  ['in the query', { query: '?token=good.to-ken_1' }],
  ['as a subprotocol', { protocols: ['millrace.v1', 'bearer.good.to-ken_1'] }],
])('[NET-1] a WebSocket brings its token %s, and speaks millrace.v1', async (_case, about) => {
  const one = client(about);
  await greeted(one);
  expect(one.ws.protocol).toBe('millrace.v1');
  expect(one.ws.extensions).toBe('');
});

test('[NET-2] a token may come in the first frame within 5 s; what was sent behind it is answered too', async () => {
  const one = client();
  await opened(one);
  one.send({ type: 'hello', token: 'good.to-ken_1' });
  one.send({ type: 'subscribe', id: 1, run: 'r', after: '0' });
  await vi.waitFor(() => expect(one.ranges).toHaveLength(1));
  expect(one.frames.map(({ type }) => type)).toEqual(['hello', 'ok', 'range']);
});

test('a connection that shows no token for 5 s is closed with 4401', async () => {
  const one = client();
  await opened(one);
  writer.clock.advance(5_000);
  await vi.waitFor(() => expect(one.code).toBe(4401));
  expect(one.codes).toEqual(['unauthorized']);
});

test.each([
  ['a wrong token', { query: '?token=wrong' }, 'unauthorized', 4401],
  ['an expired token', { query: '?token=old' }, 'token_expired', 4401],
  [
    'a foreign origin',
    { ...bearer, options: { ...bearer.options, origin: 'https://evil.example' } },
    'origin_not_allowed',
    4403,
  ],
])('[NET-3] %s is told as an error frame and closes with its code', async (_case, about, code, close) => {
  const one = client(about);
  await vi.waitFor(() => expect(one.code).toBe(close));
  expect(one.codes).toEqual([code]);
});

test('a first frame that is no hello closes with 4401, and nothing after it is heard', async () => {
  const one = client();
  await opened(one);
  one.send({ type: 'subscribe', id: 1, run: 'r' });
  one.send({ type: 'hello', token: 'good.to-ken_1' });
  await vi.waitFor(() => expect(one.code).toBe(4401));
  expect(one.codes).toEqual(['unauthorized']);
});

test('[NET-4] raw frames of many sockets hold every seq after each cursor once and in order, while events are written', async () => {
  await writer.logs('r', 700);
  const many = Array.from({ length: 12 }, () => client(bearer));
  await Promise.all(many.map(greeted));
  for (const [place, one] of many.entries())
    one.send({ type: 'subscribe', id: 1, run: 'r', after: `e2:${place * 60}` });
  for (let batch = 0; batch < 200; batch++) {
    await writer.logs('r', 1 + (batch % 4));
    if (batch % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const head = writer.head('r');
  await vi.waitFor(() => expect(many.map(({ ranges }) => ranges.at(-1)?.through)).toEqual(many.map(() => head)));
  for (const [place, one] of many.entries()) expectExact(one.ranges, place * 60, head);
});

test('[NET-5] a socket that stops reading costs bounded memory and no one else anything; when it reads on it misses nothing', async () => {
  const slow = client(bearer);
  const quick = client(bearer);
  for (const one of [slow, quick]) {
    await greeted(one);
    one.send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
    await vi.waitFor(() => expect(one.frames).toHaveLength(2));
  }
  slow.ws.pause();
  const text = 'x'.repeat(50_000);
  for (let batch = 0; batch < 400; batch++) {
    await writer.append('r', [logLine(text)]);
    if (batch % 20 === 0) await vi.waitFor(() => expect(quick.ranges.at(-1)?.through).toBe(batch + 2));
  }
  await vi.waitFor(() => expect(quick.ranges.at(-1)?.through).toBe(401));
  // 256 KB, and the page that filled them.
  expect(below[0]?.writableLength).toBeGreaterThan(100_000);
  expect(below[0]?.writableLength).toBeLessThan(600_000);
  slow.ws.resume();
  await vi.waitFor(() => expect(slow.ranges.at(-1)?.through).toBe(401), { timeout: 10_000 });
  expectExact(slow.ranges, 1, 401);
  expectExact(quick.ranges, 1, 401);
});

test('[NET-6] a bad message is answered and the socket goes on; one over 1 MB closes it with 1009', async () => {
  const one = client(bearer);
  await greeted(one);
  one.ws.send('{"type":');
  one.ws.send(Buffer.from([0xff, 0x00]));
  one.send({ type: 'ping', at: 3 });
  await vi.waitFor(() => expect(one.frames.at(-1)).toMatchObject({ type: 'pong', at: 3 }));
  expect(one.codes).toEqual(['invalid_message', 'invalid_message']);
  one.ws.send('x'.repeat(1024 * 1024 + 1));
  await vi.waitFor(() => expect(one.code).toBe(1009));
});

test('[NET-10] a connection that takes nothing in is kept for five minutes, misses nothing when it wakes, and is cut after', async () => {
  const asleep = client(bearer);
  await greeted(asleep);
  asleep.send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
  await vi.waitFor(() => expect(asleep.frames).toHaveLength(2));
  let head = 1;
  const fall = async () => {
    asleep.ws.pause();
    const text = 'x'.repeat(50_000);
    for (let n = 0; n < 400; n++) await writer.append('r', [logLine(text)]);
    head += 400;
    await vi.waitFor(() => expect(below[0]?.writableLength).toBeGreaterThan(100_000));
  };
  const beats = (count: number) => {
    for (let second = 0; second < count * 30; second++) writer.clock.advance(1_000);
  };
  await fall();
  beats(5);
  asleep.ws.resume();
  await vi.waitFor(() => expect(asleep.ranges.at(-1)?.through).toBe(head), { timeout: 10_000 });
  expectExact(asleep.ranges, 1, head);
  beats(1);
  await vi.waitFor(() => expect(asleep.pings).toBe(1));
  await fall();
  beats(9);
  expect(below[0]?.destroyed).toBe(false);
  beats(2);
  await vi.waitFor(() => expect(below[0]?.destroyed).toBe(true));
});

test('[NET-7] the server pings every 30 s, and cuts a connection that gave two no answer', async () => {
  const lively = client(bearer);
  const dead = client({ options: { ...bearer.options, autoPong: false } });
  await Promise.all([greeted(lively), greeted(dead)]);
  for (let beat = 1; beat <= 2; beat++) {
    writer.clock.advance(30_000);
    await vi.waitFor(() => expect([lively.pings, dead.pings]).toEqual([beat, beat]));
    // The answer to a message proves that the pong before it has arrived.
    lively.send({ type: 'ping', at: beat });
    await vi.waitFor(() => expect(lively.frames.at(-1)).toMatchObject({ type: 'pong', at: beat }));
  }
  writer.clock.advance(30_000);
  await vi.waitFor(() => expect(dead.code).toBe(1006));
  expect(lively.code).toBeUndefined();
});

test('[NET-9] idle connections share one timer: another one costs none', async () => {
  const timers = vi.spyOn(writer.clock, 'after');
  await greeted(client(bearer));
  const first = timers.mock.calls.length;
  expect(first).toBeGreaterThan(0);
  await Promise.all(Array.from({ length: 30 }, () => greeted(client(bearer))));
  expect(timers).toHaveBeenCalledTimes(first);
});

test('[NET-8] a draining server says bye and closes with 1012', async () => {
  const one = client(bearer);
  await greeted(one);
  hub.stop('deploy');
  await vi.waitFor(() => expect(one.code).toBe(1012));
  expect(one.frames.at(-1)).toMatchObject({ type: 'bye', reason: 'deploy' });
});

test('[NET-11] the answer to the upgrade and the first frame leave in one write', async () => {
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  const first = once(socket, 'data') as Promise<[Buffer]>;
  socket.write(
    [
      'GET /live?token=good.to-ken_1 HTTP/1.1',
      ...['Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: millrace.v1', '', ''],
    ].join('\r\n'),
  );
  const text = (await first)[0].toString('latin1');
  socket.destroy();
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  expect(text).toContain('"type":"hello"');
});
