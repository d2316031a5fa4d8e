import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Producer, ServerProcess } from './server-process.ts';
import { SocketClient } from './socketio-client.ts';
import { completed, failed, lines, story } from './story.ts';
import { sign } from './token.ts';

const patience = { timeout: 10_000, interval: 10 };
const token = sign({ sub: 'ada', roles: ['operator'] });

/** Word for word the text's. */
const options = {
  auth: { token },
  transports: ['websocket', 'polling'],
  reconnection: true,
  reconnectionDelay: 1000,
  reconnectionDelayMax: 5000,
  reconnectionAttempts: 5,
};
/** The same that comes back sooner, where a test waits for it. */
const swift = { ...options, reconnectionDelay: 100, reconnectionDelayMax: 200, reconnectionAttempts: 50 };

let server: ServerProcess;
let producer: Producer;
beforeAll(async () => {
  server = await ServerProcess.start();
  producer = new Producer(server.url);
});
afterAll(() => server.remove());

function connect(more: object = options): SocketClient {
  const client = new SocketClient(`${server.url}/executions`, more);
  onTestFinished(() => client.close());
  return client;
}

const until = (client: SocketClient, event: string, count = 1) =>
  vi.waitFor(() => expect(client.of(event).length).toBeGreaterThanOrEqual(count), patience);

interface Log {
  log: { id: string; message: string; level: string; nodeId?: string; metadata?: object; createdAt: string };
}
const logs = (client: SocketClient) => (client.of('log') as unknown as Log[]).map(({ log }) => log);

describe.each([
  ['websocket, then polling', options],
  ['polling, then websocket', { ...options, transports: ['polling', 'websocket'] }],
  ['polling alone', { ...options, transports: ['polling'] }],
])('over %s', (_, chosen) => {
  test('[SEE-15] status, log, result, error and nodeStatus come as the text has them, to who subscribes late too', async () => {
    const client = connect(chosen);
    const [good, bad] = [await producer.open(), await producer.open()];
    client.socket.emit('subscribe', good);
    await until(client, 'status');
    for (const events of story.slice(0, -1)) await producer.append(good, ...events);
    await producer.append(good, { type: 'node.completed', node: 'write', data: { output: 3 } }, completed);
    await until(client, 'result');

    const statuses = client.of('status').map(({ executionId, status }) => [executionId, status]);
    expect(statuses.slice(-2)).toEqual([
      [good, 'running'],
      [good, 'completed'],
    ]);
    for (const { timestamp } of client.of('status'))
      expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(logs(client)).toMatchObject([
      { level: 'info', message: 'Planning.', nodeId: 'plan', metadata: { depth: 2 } },
      { level: 'info', message: 'Details.', nodeId: 'plan', metadata: { level: 'debug' } },
      { level: 'warning', message: 'Slow.' },
      { level: 'error', message: 'Tried again.' },
    ]);
    for (const { id, createdAt } of logs(client)) {
      expect(typeof id).toBe('string');
      expect(createdAt).toMatch(/Z$/);
    }
    expect(client.of('nodeStatus').map(({ nodeId, status }) => `${nodeId} ${status}`)).toEqual([
      'plan running',
      'plan completed',
      'write running',
      'write completed',
    ]);
    expect(client.of('nodeStatus')[1]).toMatchObject({ executionId: good, output: { chapters: 2 } });
    expect(client.of('result')).toMatchObject([{ executionId: good, result: { pages: 3 } }]);

    for (const events of story) await producer.append(bad, ...events);
    await producer.append(bad, failed);
    expect(await client.ask('subscribe', bad)).toEqual({ ok: true });
    await until(client, 'error');
    expect(client.of('error')).toMatchObject([{ executionId: bad, error: 'Out of ink.' }]);
    const late = client.heard.filter(({ data }) => data.executionId === bad).map(({ event }) => event);
    expect(late.filter((event) => event === 'log')).toHaveLength(4);
    expect(late.filter((event) => event === 'nodeStatus').length).toBeGreaterThanOrEqual(2);
    expect(client.of('status').at(-1)).toMatchObject({ executionId: bad, status: 'failed' });
  });
});

const transports = ['websocket', 'polling'];

test.each(transports)(
  '[SEE-16] a connection that is lost comes back by itself and goes on where it was: nothing is missing, nothing twice, over %s',
  async (transport) => {
    const run = await producer.open();
    const client = connect({ ...swift, transports: [transport] });
    // As the text's composable does: on every connection.
    client.socket.on('connect', () => client.socket.emit('subscribe', run));
    await until(client, 'status');
    for (const events of lines(0, 100)) await producer.append(run, ...events);
    await vi.waitFor(() => expect(logs(client)).toHaveLength(100), patience);
    client.cut();
    for (const events of lines(100, 400)) await producer.append(run, ...events);
    await vi.waitFor(() => expect(logs(client)).toHaveLength(400), patience);
    expect(client.connects).toEqual([{ recovered: false }, { recovered: true }]);

    // Asked to end, the server closes the transport and never says "io server disconnect".
    await server.stop();
    await server.start();
    for (const events of lines(400, 500)) await producer.append(run, ...events);
    await producer.append(run, completed);
    await until(client, 'result');
    expect(logs(client).map(({ message }) => message)).toEqual(Array.from({ length: 500 }, (_, n) => `line ${n}`));
    expect(client.disconnects).toContain('transport close');
    expect(client.disconnects).not.toContain('io server disconnect');
    expect(client.of('result')).toHaveLength(1);
  },
);

test('[SEE-17] without a server it tries as often as the text says, tells each failure, and stops; who disconnected stays away', async () => {
  const client = new SocketClient(`http://127.0.0.1:1/executions`, {
    ...options,
    reconnectionDelay: 10,
    reconnectionDelayMax: 50,
  });
  onTestFinished(() => client.close());
  let tries = 0;
  client.socket.io.on('reconnect_error', () => (tries += 1));
  await new Promise<void>((resolve) => client.socket.io.once('reconnect_failed', () => resolve()));
  expect(tries).toBe(5);
  expect(client.errors.length).toBeGreaterThanOrEqual(5);

  const gone = connect(swift);
  await vi.waitFor(() => expect(gone.connects).toHaveLength(1), patience);
  gone.close();
  expect(gone.disconnects).toEqual(['io client disconnect']);
  expect(gone.socket.active).toBe(false);
});

test('[SEE-18] who unsubscribes is told nothing more of that execution, and of others as before', async () => {
  const [one, two] = [await producer.open(), await producer.open()];
  const client = connect();
  for (const run of [one, two]) expect(await client.ask('subscribe', run)).toEqual({ ok: true });
  expect(await client.ask('unsubscribe', one)).toEqual({ ok: true });
  await producer.append(one, ...(lines(0, 1)[0] ?? []));
  await producer.append(two, ...(lines(0, 1)[0] ?? []));
  await until(client, 'log');
  expect(client.of('log').map(({ executionId }) => executionId)).toEqual([two]);
});

test('[SEE-19] a bad subscription is answered with an error, by callback or as an event, and may be tried again', async () => {
  const client = connect();
  expect(await client.ask('subscribe', 'nobody-knows-it')).toMatchObject({ error: expect.any(String) });
  client.socket.emit('subscribe', 'nobody-knows-it');
  await until(client, 'error');
  expect(client.of('error')).toMatchObject([{ executionId: 'nobody-knows-it', error: expect.any(String) }]);
  const run = await producer.open();
  expect(await client.ask('subscribe', run)).toEqual({ ok: true });
  await until(client, 'status');
  expect(client.disconnects).toEqual([]);
});

test('[SEE-20] the binary parser, on a path of its own, tells the same', async () => {
  const parser = (await import('socket.io-msgpack-parser')) as unknown as object;
  const run = await producer.open();
  const clients = [connect(), connect({ ...options, path: '/socket.io-msgpack/', parser })];
  for (const client of clients) expect(await client.ask('subscribe', run)).toEqual({ ok: true });
  for (const events of story) await producer.append(run, ...events);
  await producer.append(run, failed);
  for (const client of clients) await until(client, 'error');
  expect(clients[1]?.heard).toEqual(clients[0]?.heard);
});
