import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { connected, heard, packets, Rig } from './socketio.rig.ts';
import { EVENT_BURST, EVENT_RATE } from './wire.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await new Rig().open();
});
afterEach(() => rig.close());

const MEGABYTE = 1024 * 1024;
const query = 'EIO=4&transport=';

/** A client that sends what no stock client would. */
async function raw(path = '/socket.io/', first?: string): Promise<{ ws: WebSocket; code: Promise<number> }> {
  const ws = new WebSocket(`ws://127.0.0.1:${rig.port}${path}?${query}websocket`);
  const code = new Promise<number>((resolve) => ws.once('close', resolve));
  ws.on('error', () => {});
  await new Promise((resolve) => ws.once('message', resolve));
  if (first !== undefined) {
    ws.send(first);
    await new Promise((resolve) => ws.once('message', resolve));
  }
  return { ws, code };
}

const CONNECT = '40{"token":"good-raw"}';

test('[DIA-40] a WebSocket message over 1 MB closes its connection with 1009', async () => {
  const { ws, code } = await raw('/socket.io/', CONNECT);
  ws.send(`42["a","${'x'.repeat(MEGABYTE)}"]`);
  expect(await code).toBe(1009);
  expect(rig.root.last.received).toEqual([]);
});

test('[DIA-40] a body over 1 MB is answered with 413 and says so, also where it does not tell its length', async () => {
  const opened = await fetch(`${rig.url}/socket.io/?${query}polling`);
  const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
  const url = `${rig.url}/socket.io/?${query}polling&sid=${sid}`;
  const body = `42["a","${'x'.repeat(MEGABYTE)}"]`;
  const answer = await fetch(url, { method: 'POST', body });
  expect(answer.status).toBe(413);
  expect(await answer.json()).toMatchObject({ code: 'payload_too_large' });
  const streamed = await fetch(url, { method: 'POST', body: new Blob([body]).stream(), duplex: 'half' } as RequestInit);
  expect(streamed.status).toBe(413);
});

test('[DIA-41] events above the limit are dropped and refused with `rate_limited`; time makes up for it', async () => {
  const client = rig.client('/', { transports: ['websocket'] });
  await connected(client);
  const events = heard(client);
  // Entering the namespace took one.
  for (let n = 1; n < EVENT_BURST; n++) client.emit('ask', n);
  client.emit('ask', 'too many');
  expect(await client.emitWithAck('ask', 'one more')).toMatchObject({
    code: 'rate_limited',
    error: expect.any(String),
  });
  const { received } = rig.root.last;
  expect(received).toHaveLength(EVENT_BURST - 1);
  expect(events).toEqual([
    ['error', { code: 'rate_limited', message: expect.stringContaining(`${EVENT_BURST}`) }],
    ['error', { code: 'rate_limited', message: expect.any(String) }],
  ]);
  rig.clock.advance(1_000);
  for (let n = 0; n < EVENT_RATE; n++) client.emit('ask', 'again');
  expect(await client.emitWithAck('ask')).toMatchObject({ code: 'rate_limited' });
  expect(received).toHaveLength(EVENT_BURST - 1 + EVENT_RATE);
});

test('[DIA-41] whoever keeps flooding is cut, and no one else', async () => {
  const other = rig.client('/jobs', { transports: ['websocket'] });
  await connected(other);
  for (const packet of ['42["ask"]', '40/nowhere,', '3']) {
    const { ws, code } = await raw('/socket.io/', CONNECT);
    for (let n = 0; n < EVENT_BURST * 5; n++) ws.send(packet);
    await code;
  }
  expect(await other.emitWithAck('ask')).toMatchObject({ ok: true });
});

test('[DIA-43] a connection enters a namespace once at a time, however often it asks', async () => {
  const { ws } = await raw();
  const answers: string[] = [];
  ws.on('message', (text) => answers.push(String(text).slice(0, 2)));
  for (let n = 0; n < 5; n++) ws.send(CONNECT);
  await vi.waitFor(() => expect(answers.toSorted()).toEqual(['40', '44', '44', '44', '44']));
  expect(rig.root.sessions).toHaveLength(1);
  ws.send('41');
  await vi.waitFor(() => expect(rig.root.last.over).toBe(true));
  ws.send(CONNECT);
  await vi.waitFor(() => expect(rig.root.sessions.map(({ over }) => over)).toEqual([true, false]));
  ws.terminate();
});

test('[DIA-42] malformed packets and bytes close the connection they came on, and no one else', async () => {
  const others = [rig.client('/jobs', { transports: ['websocket'] }), rig.msgpackClient('/jobs')];
  await Promise.all(others.map(connected));
  const bad: [string, string | Buffer][] = [
    ...['4', '49', '42', '42{', '42["disconnect"]', '42{"a":1}', '44"no"', '2', '7', ''].map(
      (text): [string, string] => ['/socket.io/', text],
    ),
    ['/socket.io/', Buffer.from([1, 2, 3])],
    ['/socket.io/', '41["no"]'],
    ['/socket.io-msgpack/', '42["text"]'],
    ['/socket.io-msgpack/', Buffer.from([0xc1])],
    ['/socket.io-msgpack/', Buffer.from([0xc0])],
    ['/socket.io-msgpack/', Buffer.alloc(0)],
  ];
  for (const [path, message] of bad) {
    const { ws, code } = await raw(path, path === '/socket.io/' ? CONNECT : undefined);
    ws.send(message);
    expect([message, await code]).toEqual([message, expect.any(Number)]);
  }
  for (const other of others) expect(await other.emitWithAck('ask')).toMatchObject({ ok: true });
});

test('[DIA-42] nothing that a client can send makes the server throw', async () => {
  const other = rig.client('/jobs');
  await connected(other);
  const texts = fc.sample(
    fc.oneof(
      fc.string(),
      fc.json().map((json) => `42${json}`),
      fc.json().map((json) => `40${json}`),
    ),
    { seed: 6, numRuns: 150 },
  );
  const bytes = fc.sample(fc.uint8Array({ maxLength: 40 }), { seed: 6, numRuns: 150 });
  for (const [path, messages] of [
    ['/socket.io/', texts],
    ['/socket.io-msgpack/', bytes],
  ] as const) {
    for (const message of messages) {
      const { ws, code } = await raw(path);
      ws.send(message);
      ws.close();
      await code;
    }
  }
  const session = rig.jobs.last;
  expect(await other.emitWithAck('ask')).toMatchObject({ ok: true });
  session.socket.write(packets(['still', 'here']));
  await vi.waitFor(() => expect(session.over).toBe(false));
});

test('[DIA-43] a client of MessagePack cannot pass an event off as one of the server', async () => {
  const client = rig.msgpackClient('/', { transports: ['websocket'] });
  await connected(client);
  const encoder = client.io as unknown as { _packet(packet: object): void };
  for (const event of ['disconnect', 'disconnecting', 'newListener', 'error']) {
    encoder._packet({ type: 2, nsp: '/', data: [event, 'x'], options: {} });
  }
  expect(await client.emitWithAck('ask')).toMatchObject({ ok: true });
  expect(rig.root.last.over).toBe(false);
  expect(rig.root.last.received.map(([event]) => event)).toEqual([
    'disconnect',
    'disconnecting',
    'newListener',
    'error',
    'ask',
  ]);
});

test('[DIA-54] an answer to a poll holds at most 16 packets, as many as Python’s clients take; the rest comes with the next', async () => {
  const client = rig.client('/', { transports: ['polling'] });
  await connected(client);
  const events = heard(client);
  const sizes: number[] = [];
  const { onData } = client.io.engine.transport as unknown as { onData(data: string): void };
  (client.io.engine.transport as unknown as { onData(data: string): void }).onData = function (data) {
    sizes.push(data.split('\x1e').length);
    onData.call(this, data);
  };
  rig.root.last.socket.write(packets(...Array.from({ length: 50 }, (_, n): [string, unknown] => ['n', n])));
  await vi.waitFor(() => expect(events).toHaveLength(50));
  expect(events).toEqual(Array.from({ length: 50 }, (_, n) => ['n', n]));
  expect(Math.max(...sizes)).toBe(16);
});

test('[DIA-128] a client that fetches nothing and asks on is cut once 16 MB wait for it', async () => {
  const { ws } = await raw('/socket.io/', CONNECT);
  const session = rig.root.last;
  ws.pause();
  const answer = packets(['error', { text: 'x'.repeat(MEGABYTE) }]);
  // What the operating system takes off the server's hands comes first.
  while (session.socket.buffered() <= 32 * MEGABYTE) session.socket.write(answer);
  expect(session.over).toBe(false);
  ws.send('42["ask"]');
  await vi.waitFor(() => expect(session.over).toBe(true));
  expect(session.received).toEqual([]);
  ws.terminate();
});
