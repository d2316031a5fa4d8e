import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createServer, type Server } from '../server.ts';

let server: Server;
let token: string;
const sockets: Socket[] = [];
const caller = { tenant: 'default', by: 'user:ada' };

beforeAll(async () => {
  server = await createServer({
    port: 0,
    store: 'memory',
    env: {},
    logLevel: 'silent',
    secret: 'a secret of the test',
  });
  token = await server.token({ sub: 'ada' });
});
afterAll(async () => {
  for (const socket of sockets) socket.disconnect();
  await server.close();
});

type Told = [event: string, data: Record<string, unknown>];

function connect(about: Record<string, unknown> = {}): { socket: Socket; told: Told[] } {
  const socket = io(`${server.url}/executions`, { auth: { token }, forceNew: true, ...about });
  sockets.push(socket);
  const told: Told[] = [];
  socket.onAny((event: string, data: Record<string, unknown>) => {
    if (event !== 'position') told.push([event, data]);
  });
  return { socket, told };
}

async function external(): Promise<string> {
  const { id } = await server.engine.create(caller, {
    workflow: 'demo',
    external: true,
    nodes: [{ id: 'a', task: 'work' }],
  });
  return id;
}
const log = (n: number) => ({ type: 'log', data: { level: 'info', message: `line ${n}` } }) as const;

for (const transport of ['websocket', 'polling']) {
  test(`[DIA-106] a late subscriber gets the run so far and then what comes, by ${transport}`, async () => {
    const run = await external();
    await server.engine.append(caller, run, { events: [{ type: 'node.started', node: 'a', data: {} }, log(1)] });
    const { socket, told } = connect({ transports: [transport] });
    expect(await socket.emitWithAck('subscribe', run)).toEqual({ ok: true });
    await vi.waitFor(() => expect(told.map(([event]) => event)).toContain('log'));
    await server.engine.append(caller, run, {
      events: [
        { type: 'node.completed', node: 'a', data: { output: 7 } },
        { type: 'run.completed', data: { output: { answer: 42 } } },
      ],
    });
    await vi.waitFor(() => expect(told.map(([event]) => event)).toContain('result'));
    expect(told.map(([event, { status }]) => (status ? `${event} ${status}` : event))).toEqual([
      'status pending',
      'nodeStatus running',
      'status running',
      'log',
      'nodeStatus completed',
      'status completed',
      'result',
    ]);
    expect(told.at(-1)).toEqual(['result', expect.objectContaining({ executionId: run, result: { answer: 42 } })]);
  });
}

test('[DIA-107] a stock client that lost its transport is sent what it missed, once, without asking', async () => {
  const run = await external();
  const { socket, told } = connect({ transports: ['websocket'], reconnectionDelay: 10 });
  await socket.emitWithAck('subscribe', run);
  await server.engine.append(caller, run, { events: [1, 2, 3].map(log) });
  const lines = () =>
    told.filter(([event]) => event === 'log').map(([, { log }]) => (log as { message: string }).message);
  await vi.waitFor(() => expect(lines()).toHaveLength(3));
  const back = new Promise<boolean>((resolve) => socket.once('connect', () => resolve(socket.recovered)));
  socket.io.engine.close();
  await server.engine.append(caller, run, { events: [4, 5].map(log) });
  expect(await back).toBe(true);
  await vi.waitFor(() => expect(lines()).toHaveLength(5));
  // As the text's composable does: it subscribes again whenever it connects.
  expect(await socket.emitWithAck('subscribe', run)).toEqual({ ok: true });
  await server.engine.append(caller, run, { events: [log(6)] });
  await vi.waitFor(() => expect(lines()).toEqual([1, 2, 3, 4, 5, 6].map((n) => `line ${n}`)));
});

test('[DIA-108] a bad subscription answers its callback with the error, or without one as an event; it may be tried again', async () => {
  const { socket, told } = connect();
  expect(await socket.emitWithAck('subscribe', 'unknown')).toMatchObject({
    executionId: 'unknown',
    code: 'run_not_found',
  });
  socket.emit('subscribe', 'unknown');
  await vi.waitFor(() => expect(told).toEqual([['error', expect.objectContaining({ executionId: 'unknown' })]]));
  expect(await socket.emitWithAck('subscribe', 17)).toMatchObject({ code: 'invalid_message' });
  expect(await socket.emitWithAck('dance')).toMatchObject({ code: 'invalid_message' });
  const run = await external();
  expect(await socket.emitWithAck('subscribe', run)).toEqual({ ok: true });
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(1));
});

test('[DIA-109] who unsubscribes is told nothing more, and the whole run on the next subscription', async () => {
  const run = await external();
  const { socket, told } = connect();
  await socket.emitWithAck('subscribe', run);
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(0));
  expect(await socket.emitWithAck('unsubscribe', run)).toEqual({ ok: true });
  told.length = 0;
  await server.engine.append(caller, run, { events: [log(1)] });
  await socket.emitWithAck('subscribe', run);
  await vi.waitFor(() => expect(told.map(([event]) => event)).toContain('log'));
  expect(told.map(([event]) => event)).toEqual(['status', 'status', 'log']);
});
