import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts';

/** Sends back whatever comes. */
let echo: Server;
let proxy: TcpProxy;
let clients: Socket[];

beforeEach(async () => {
  clients = [];
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await proxy.close();
  echo.close();
});

async function open(options: Partial<TcpProxyOptions> = {}): Promise<() => Client> {
  const { port } = echo.address() as { port: number };
  proxy = new TcpProxy({ target: () => port, ...options });
  const near = await proxy.listen();
  return () => {
    const socket = dial(near, '127.0.0.1');
    clients.push(socket);
    const client: Client = { socket, chunks: [], closed: false };
    socket.on('data', (chunk) => client.chunks.push(chunk.toString()));
    socket.on('error', () => {});
    socket.on('close', () => {
      client.closed = true;
    });
    return client;
  };
}

interface Client {
  socket: Socket;
  chunks: string[];
  closed: boolean;
}

const text = ({ chunks }: Client) => chunks.join('');

test('bytes pass both ways, and a side that has said everything still hears the other', async () => {
  const client = (await open())();
  client.socket.end('all of it');
  await vi.waitFor(() => expect(client.closed).toBe(true));
  expect(text(client)).toBe('all of it');
});

test.each([true, false])('a connection is cut behind the byte that its fault names (reset: %s)', async (reset) => {
  const join = await open({ fault: () => ({ kind: 'cut', side: 'client', after: 3, reset }) });
  const client = join();
  client.socket.write('abcdef');
  await vi.waitFor(() => expect(client.closed).toBe(true));
  expect('abc').toContain(text(client));
  expect(proxy.counts).toMatchObject({ connections: 1, cut: 1 });
});

test('a stalled connection goes on by itself, with everything', async () => {
  const join = await open({ fault: () => ({ kind: 'stall', side: 'server', after: 3, ms: 50 }) });
  const client = join();
  client.socket.write('abcdef');
  await vi.waitFor(() => expect(text(client)).toBe('abcdef'));
  expect(client.chunks[0]).toBe('abc');
  expect(proxy.counts.stall).toBe(1);
});

test('dripping bytes come one by one', async () => {
  const join = await open({ fault: () => ({ kind: 'drip', side: 'server', after: 2, bytes: 3 }) });
  const client = join();
  client.socket.write('abcdefgh');
  await vi.waitFor(() => expect(text(client)).toBe('abcdefgh'));
  expect(client.chunks).toContain('d');
});

test('a severed proxy cuts and refuses, until it is mended', async () => {
  const join = await open();
  const before = join();
  before.socket.write('a');
  await vi.waitFor(() => expect(text(before)).toBe('a'));
  proxy.sever();
  const during = join();
  await vi.waitFor(() => expect([before.closed, during.closed]).toEqual([true, true]));
  proxy.mend();
  const after = join();
  after.socket.write('b');
  await vi.waitFor(() => expect(text(after)).toBe('b'));
});

test('while a proxy holds, nothing passes and nothing is told', async () => {
  const join = await open();
  const client = join();
  client.socket.write('a');
  await vi.waitFor(() => expect(text(client)).toBe('a'));
  proxy.hold();
  client.socket.write('b');
  const other = join();
  other.socket.write('c');
  await once(other.socket, 'connect');
  proxy.mend();
  await vi.waitFor(() => expect([text(client), text(other)]).toEqual(['ab', 'c']));
});

test('what an inspector lets through last is passed on, and its answer is not', async () => {
  const heard: string[] = [];
  echo.on('connection', (socket) => socket.on('data', (chunk) => heard.push(chunk.toString())));
  const join = await open({
    inspect: () => (chunk, from) => (from === 'client' && chunk[0] === 0x43 ? 'cut' : 'pass'),
  });
  const client = join();
  client.socket.write('ABC');
  await vi.waitFor(() => expect(text(client)).toBe('ABC'));
  client.socket.write('CDE');
  await vi.waitFor(() => expect(client.closed).toBe(true));
  await vi.waitFor(() => expect(heard).toEqual(['ABC', 'CDE']));
  expect(text(client)).toBe('ABC');
});
