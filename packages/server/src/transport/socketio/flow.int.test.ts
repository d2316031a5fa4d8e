import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { connected, packets, Rig } from './socketio.rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await new Rig().open();
});
afterEach(() => rig.close());

const KILOBYTE = 1024;
const query = 'EIO=4&transport=';

/** A client that reads when the test says so. */
async function reader(options: ClientOptions = {}): Promise<WebSocket> {
  const ws = new WebSocket(`ws://127.0.0.1:${rig.port}/socket.io/?${query}websocket`, options);
  await new Promise((resolve) => ws.once('message', resolve));
  ws.send('40{"token":"good-raw"}');
  await new Promise((resolve) => ws.once('message', resolve));
  return ws;
}

test('[DIA-44] what a slow reader has not taken is counted, and its end is told once', async () => {
  const ws = await reader({ perMessageDeflate: false });
  let bytes = 0;
  ws.on('message', (data: Buffer) => {
    bytes += data.length;
  });
  ws.pause();
  const { socket } = rig.root.last;
  expect(socket.buffered()).toBe(0);
  const message = packets(['log', 'x'.repeat(64 * KILOBYTE)]);
  let written = 0;
  for (let n = 0; n < 200; n++) {
    socket.write(message);
    written += message.length + 2;
    await new Promise((next) => setImmediate(next));
  }
  // What is not counted is in the kernel's buffers, on both sides.
  expect(socket.buffered()).toBeGreaterThan(written / 3);
  let drained = 0;
  socket.onDrain(() => {
    drained += 1;
  });
  expect(drained).toBe(0);
  ws.resume();
  await vi.waitFor(() => expect(drained).toBe(1), 5_000);
  expect(socket.buffered()).toBe(0);
  await vi.waitFor(() => expect(bytes).toBe(written));
  ws.terminate();
});

test('[DIA-44] for a poller it is what waits for the next poll', async () => {
  const base = `${rig.url}/socket.io/?${query}polling`;
  const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1)) as { sid: string };
  const url = `${base}&sid=${sid}`;
  await fetch(url, { method: 'POST', body: '40{"token":"good-raw"}' });
  expect(await (await fetch(url)).text()).toMatch(/^40/);
  const { socket } = rig.root.last;
  expect(socket.kind).toBe('polling');
  let drained = 0;
  for (let n = 0; n < 5; n++) socket.write(packets(['a', 'x'.repeat(KILOBYTE)], ['b', n]));
  expect(socket.buffered()).toBeGreaterThan(5 * KILOBYTE);
  socket.onDrain(() => {
    drained += 1;
  });
  const text = await (await fetch(url)).text();
  expect(text.split('\x1e').map((packet) => packet.slice(0, 5))).toEqual(Array(5).fill(['42["a', '42["b']).flat());
  const next = fetch(url);
  await vi.waitFor(() => expect(drained).toBe(1));
  expect(socket.buffered()).toBe(0);
  socket.write(packets(['c', 1]));
  expect(await (await next).text()).toBe('42["c",1]');
});

test('[DIA-44] a poller that becomes a WebSocket is told of its drain', async () => {
  const client = rig.client('/', { transports: ['polling', 'websocket'] });
  await connected(client);
  const { socket } = rig.root.last;
  let drained = 0;
  socket.write(packets(['a', 1]));
  socket.onDrain(() => {
    drained += 1;
  });
  await vi.waitFor(() => expect(socket.kind).toBe('socketio'));
  await vi.waitFor(() => expect(drained).toBe(1));
});

test('[DIA-45] a connection that ends before its last batch is written counts as a failed delivery', async () => {
  const ws = await reader({ perMessageDeflate: false });
  ws.pause();
  for (let n = 0; n < 200; n++) rig.root.last.socket.write(packets(['log', 'x'.repeat(64 * KILOBYTE)]));
  expect(rig.metrics.values.get('socketio_failed_deliveries_total')).toBeUndefined();
  ws.terminate();
  await vi.waitFor(() => expect(rig.root.last.over).toBe(true));
  expect(rig.metrics.values.get('socketio_failed_deliveries_total')).toBe(1);
  rig.root.last.socket.write(packets(['log', 1]));
  expect(rig.metrics.values.get('socketio_failed_deliveries_total')).toBe(2);
  const calm = await reader();
  calm.close();
  await vi.waitFor(() => expect(rig.root.last.over).toBe(true));
  expect(rig.metrics.values.get('socketio_failed_deliveries_total')).toBe(2);
});

/** Bytes that a socket takes for a message of 100 KB of the same letter, and whether it is read rightly. */
async function taken(options: ClientOptions): Promise<number> {
  const ws = await reader(options);
  const below = (ws as unknown as { _socket: { bytesRead: number } })._socket;
  const before = below.bytesRead;
  const data = 'z'.repeat(100 * KILOBYTE);
  const got = new Promise((resolve) => ws.once('message', (text) => resolve(String(text))));
  rig.root.last.socket.write(packets(['big', data]));
  expect(await got).toBe(`42["big","${data}"]`);
  // The deflater starts anew with each message: the second is read as well as the first.
  const again = new Promise((resolve) => ws.once('message', (text) => resolve(String(text))));
  rig.root.last.socket.write(packets(['big', data]));
  expect(await again).toBe(`42["big","${data}"]`);
  ws.terminate();
  return below.bytesRead - before;
}

test('[DIA-46] a packet above 8 KB is deflated for the sockets that can read that, and sent plain to the others', async () => {
  expect(await taken({ perMessageDeflate: true })).toBeLessThan(4 * KILOBYTE);
  expect(await taken({ perMessageDeflate: false })).toBeGreaterThan(200 * KILOBYTE);
  expect(await taken({ perMessageDeflate: { serverMaxWindowBits: 9 } })).toBeGreaterThan(200 * KILOBYTE);
});

test('[DIA-46] an answer to a poll is compressed above 8 KB only', async () => {
  const base = `${rig.url}/socket.io/?${query}polling`;
  const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1)) as { sid: string };
  const url = `${base}&sid=${sid}`;
  await fetch(url, { method: 'POST', body: '40{"token":"good-raw"}' });
  await (await fetch(url)).text();
  for (const [size, encoding] of [
    [7 * KILOBYTE, null],
    [9 * KILOBYTE, 'gzip'],
  ] as const) {
    rig.root.last.socket.write(packets(['big', 'z'.repeat(size)]));
    const answer = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers.get('content-encoding')).toBe(encoding);
    expect(await answer.text()).toBe(`42["big","${'z'.repeat(size)}"]`);
  }
});

test('[DIA-47] connections are counted by transport, through upgrades and to their end', async () => {
  const count = (transport: string) => rig.metrics.values.get(`socketio_connections ${transport}`) ?? 0;
  const clients = [['websocket'], ['polling'], ['polling', 'websocket']].map((transports) =>
    rig.client('/', { transports }),
  );
  await Promise.all(clients.map(connected));
  await vi.waitFor(() => expect([count('websocket'), count('polling')]).toEqual([2, 1]));
  for (const client of clients) client.disconnect();
  await vi.waitFor(() => expect([count('websocket'), count('polling')]).toEqual([0, 0]));
});

test("[DIA-48] the round trip of a connection's pings is measured, by transport", async () => {
  await rig.kill();
  await rig.open({ pingInterval: 20 });
  const ws = await reader();
  await new Promise<void>((resolve) =>
    ws.once('message', (text) => {
      expect(String(text)).toBe('2');
      rig.clock.advance(40);
      ws.send('3');
      resolve();
    }),
  );
  await vi.waitFor(() => expect(rig.metrics.values.get('socketio_round_trip_seconds websocket')).toBe(0.04));
  ws.terminate();
});
