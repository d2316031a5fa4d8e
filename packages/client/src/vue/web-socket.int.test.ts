import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPinia } from 'pinia';
import { Server as SocketServer } from 'socket.io';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createServer } from '../../../server/src/server.ts';
import { createClient } from '../client.ts';
import { createExecutionsApi } from '../compat/executions-api.ts';
import { CuttingProxy } from '../cutting-proxy.suite.ts';
import { useExecutionStore } from './execution-store.ts';
import { mounted } from './mounting.suite.ts';
import { millrace } from './plugin.ts';
import { useExecutionWebSocket } from './use-execution-web-socket.ts';
import { useResilientWebSocket } from './use-resilient-web-socket.ts';
import { useWebSocket } from './use-web-socket.ts';

/** A stock Socket.IO server, and what it was shown as tokens. */
async function stockServer() {
  const http = createHttpServer();
  const io = new SocketServer(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => io.close());
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return { io, room: io.of('/room'), url };
}

test('[CLT-112] a namespace: connect, emit with an answer, on, off, and everything ends with the component', async () => {
  const { room, url } = await stockServer();
  const tokens: unknown[] = [];
  const reasons: string[] = [];
  room.on('connection', (socket) => {
    tokens.push(socket.handshake.auth.token);
    socket.on('add', (a: number, b: number, answer: (sum: number) => void) => answer(a + b));
    socket.on('shout', (text: string) => room.emit('shouted', text.toUpperCase()));
    socket.on('disconnect', (reason) => reasons.push(reason));
  });
  const heard: string[] = [];
  const { shown, unmount } = mounted(() => useWebSocket('/room', { url, token: 'secret' }));
  const listener = (text: string) => heard.push(text);
  shown.on('shouted', listener);
  shown.emit('shout', 'early');
  expect([shown.isConnected.value, room.sockets.size]).toEqual([false, 0]);
  shown.connect();
  await expect.poll(() => heard).toEqual(['EARLY']);
  expect([shown.isConnected.value, shown.isReconnecting.value, tokens]).toEqual([true, false, ['secret']]);
  const sum = await new Promise((resolve) => shown.emit('add', 2, 3, resolve));
  expect(sum).toBe(5);
  shown.off('shouted');
  shown.emit('shout', 'unheard');
  await new Promise((resolve) => shown.emit('add', 0, 0, resolve));
  expect(heard).toEqual(['EARLY']);
  unmount();
  await expect.poll(() => reasons).toEqual(['client namespace disconnect']);
  expect(shown.isConnected.value).toBe(false);
});

test('[CLT-113] sent away by the server, it comes back by hand; sent away by its user, it does not', async () => {
  const { room, url } = await stockServer();
  let connections = 0;
  room.on('connection', (socket) => {
    connections += 1;
    socket.on('go', () => socket.disconnect());
  });
  const { shown } = mounted(() => useWebSocket('/room', { url }));
  const reasons: string[] = [];
  shown.on('disconnect', (reason: string) => reasons.push(reason));
  shown.connect();
  await expect.poll(() => shown.isConnected.value).toBe(true);
  shown.emit('go');
  await expect.poll(() => shown.isReconnecting.value).toBe(true);
  await expect.poll(() => shown.isConnected.value, { timeout: 10_000 }).toBe(true);
  expect([connections, shown.isReconnecting.value]).toEqual([2, false]);
  shown.disconnect();
  expect([shown.isConnected.value, shown.isReconnecting.value]).toEqual([false, false]);
  expect(reasons).toEqual(['io server disconnect', 'io client disconnect']);
});

test('[CLT-113] a refused token is told as an error, and another one is asked for', async () => {
  const { room, url } = await stockServer();
  room.use(({ handshake }, next) => {
    if (handshake.auth.token === 'fresh') return next();
    const data = { code: 'token_expired', message: 'The token has expired.' };
    next(Object.assign(new Error('refused'), { data }));
  });
  const asked: (string | undefined)[] = [];
  const { shown } = mounted(() =>
    useWebSocket('/room', {
      url,
      token: async (refused) => {
        asked.push(refused);
        return refused === undefined ? 'stale' : 'fresh';
      },
    }),
  );
  shown.connect();
  await expect.poll(() => shown.error.value).toEqual({ code: 'token_expired', message: 'The token has expired.' });
  await expect.poll(() => shown.isConnected.value, { timeout: 10_000 }).toBe(true);
  expect([asked, shown.error.value]).toEqual([[undefined, 'stale'], undefined]);
});

test('[CLT-113] where nobody answers it tries five times, waits 1 to 5 s between, tells reconnect_failed and stops', async () => {
  const { io, url } = await stockServer();
  await io.close();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { shown } = mounted(() => useWebSocket('/room', { url }));
  const told: string[] = [];
  for (const event of ['reconnect_attempt', 'reconnect_failed']) shown.on(event, () => told.push(event));
  let waited = 0;
  shown.connect();
  for (let turn = 0; turn < 5_000 && !told.includes('reconnect_failed'); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turn % 10 > 0) continue;
    vi.advanceTimersByTime(100);
    waited += 100;
  }
  expect(told).toEqual([...Array(5).fill('reconnect_attempt'), 'reconnect_failed']);
  expect(waited).toBeGreaterThan(5_000);
  expect(waited).toBeLessThan(40_000);
  expect([shown.isConnected.value, shown.isReconnecting.value]).toEqual([false, false]);
  expect(shown.error.value?.code).toBe('unreachable');
});

const caller = { tenant: 'default', by: 'user:ada' };

/** The server itself, behind a proxy that can cut, and a client for it. */
async function realServer() {
  const server = await createServer({ env: {}, port: 0, store: 'memory', logLevel: 'silent' });
  const proxy = new CuttingProxy(server.ports[0] ?? 0);
  const url = await proxy.listen();
  onTestFinished(async () => {
    await proxy.close();
    await server.close();
  });
  const token = await server.token({ sub: 'ada', roles: ['admin'] });
  const client = createClient({ url, token });
  onTestFinished(() => client.disconnect());
  const { id } = await server.engine.create(caller, { workflow: 'ext', external: true });
  const append = (...events: Parameters<typeof server.engine.append>[2]['events']) =>
    server.engine.append(caller, id, { events });
  return { server, proxy, url, token, client, id, append };
}

const log = (message: string) => ({ type: 'log' as const, data: { level: 'info' as const, message } });

test('[CLT-114] an execution is followed into the store, through a cut, each log entry once, to its result', async () => {
  const { proxy, client, id, append } = await realServer();
  await append(log('before anybody looked'));
  const { shown, unmount } = mounted(
    () => ({ store: useExecutionStore(), ...useExecutionWebSocket() }),
    createPinia(),
    [millrace, { client }],
  );
  const { store } = shown;
  shown.initialize();
  shown.initialize();
  shown.subscribeToExecution(id);
  expect(store.currentExecution).toEqual({ id, status: 'pending' });
  const messages = () => store.logs.map(({ message }) => message);
  await expect.poll(messages).toEqual(['before anybody looked']);
  await append({ type: 'node.started', node: 'fetch', attempt: 1, data: {} }, log('one'));
  await expect.poll(messages).toEqual(['before anybody looked', 'one']);
  expect([...store.realTimeStatus]).toEqual([['fetch', 'running']]);
  proxy.cut();
  await append(log('two'), log('three'), { type: 'node.completed', node: 'fetch', attempt: 1, data: { output: 1 } });
  await expect.poll(() => shown.isReconnecting.value).toBe(true);
  await expect.poll(messages, { timeout: 10_000 }).toEqual(['before anybody looked', 'one', 'two', 'three']);
  await append({ type: 'run.completed', data: { output: { total: 3 } } });
  await expect.poll(() => store.currentExecution).toMatchObject({ status: 'completed', result: { total: 3 } });
  expect([...store.realTimeStatus]).toEqual([['fetch', 'completed']]);
  shown.cleanup();
  expect(shown.isConnected.value).toBe(false);
  unmount();
});

test('[CLT-114] a server that remembers nothing is subscribed to again, and what it repeats is shown once', async () => {
  const { io, url } = await stockServer();
  const subscribed: string[] = [];
  io.of('/executions').on('connection', (socket) => {
    socket.on('subscribe', (executionId: string) => {
      subscribed.push(executionId);
      for (const n of [1, subscribed.length]) {
        const line = {
          id: `${executionId}:${n}`,
          level: 'info',
          message: `line ${n}`,
          createdAt: '2026-01-01T00:00:00Z',
        };
        socket.emit('log', { executionId, log: line });
      }
    });
  });
  const { shown } = mounted(() => ({ store: useExecutionStore(), ...useExecutionWebSocket({ url }) }), createPinia());
  shown.initialize();
  shown.subscribeToExecution('a');
  await expect.poll(() => subscribed).toEqual(['a']);
  for (const { conn } of io.of('/executions').sockets.values()) conn.close();
  await expect.poll(() => shown.isReconnecting.value).toBe(true);
  await expect.poll(() => subscribed, { timeout: 10_000 }).toEqual(['a', 'a']);
  await expect.poll(() => shown.store.logs.map(({ message }) => message)).toEqual(['line 1', 'line 2']);
  expect([shown.isConnected.value, shown.isReconnecting.value]).toEqual([true, false]);
});

test('[CLT-114] what may not be followed is an error of that execution, and others are not disturbed', async () => {
  const { url, token, id, append } = await realServer();
  const { shown } = mounted(
    () => ({ store: useExecutionStore(), ...useExecutionWebSocket({ url, token }) }),
    createPinia(),
  );
  const { store } = shown;
  shown.initialize();
  shown.subscribeToExecution('no-such-run');
  await expect.poll(() => store.currentExecution).toMatchObject({ id: 'no-such-run', status: 'failed' });
  expect(store.currentExecution?.error).toMatch(/run/i);
  shown.subscribeToExecution(id);
  await append(log('one'));
  await expect.poll(() => store.logs).toHaveLength(1);
  shown.unsubscribeFromExecution(id);
  await append(log('unheard'));
  shown.subscribeToExecution(id);
  await expect.poll(() => store.logs.map(({ message }) => message)).toEqual(['one', 'unheard']);
  shown.subscribeToExecution('no-such-run');
  expect(store.logs).toEqual([]);
  shown.subscribeToExecution(id);
  await expect.poll(() => store.logs.map(({ message }) => message)).toEqual(['one', 'unheard']);
});

test('[CLT-116] executionsApi starts an execution of a workflow and stops it', async () => {
  const { server, client } = await realServer();
  const api = createExecutionsApi(client);
  await expect(api.execute({ workflowId: 'nothing of this name' })).rejects.toMatchObject({
    code: 'workflow_not_found',
  });
  await server.engine.putWorkflow(caller, { name: 'ask', nodes: [{ id: 'a', task: 'nobody serves this' }] });
  const { id } = await api.execute({ workflowId: 'ask', input: { question: 'why' } });
  expect(await client.api.get(id)).toMatchObject({ workflow: 'ask', status: 'created', input: { question: 'why' } });
  await api.stop(id);
  await expect.poll(async () => (await client.api.get(id)).status).toBe('cancelled');
});

test('[CLT-111] the plain WebSocket of a run as a composable, from its state to its end, through a cut', async () => {
  const { proxy, client, id, append } = await realServer();
  const events: string[] = [];
  const changes: boolean[] = [];
  const { shown, unmount } = mounted(
    () =>
      useResilientWebSocket({
        runId: id,
        initialReconnectDelay: 20,
        onMessage: ({ event_type, data }) => events.push(`${event_type} ${data.node_id ?? ''}`.trim()),
        onConnectionChange: (connected) => changes.push(connected),
      }),
    [millrace, { client }],
  );
  await expect.poll(() => shown.connected.value).toBe(true);
  await append({ type: 'node.started', node: 'fetch', attempt: 1, data: {} });
  await expect.poll(() => events.at(-1)).toBe('dag_node_status_changed fetch');
  proxy.cut();
  await append({ type: 'node.completed', node: 'fetch', attempt: 1, data: {} });
  await append({ type: 'run.completed', data: { output: 1 } });
  await expect.poll(() => events).toContain('workflow_completed');
  expect(events.filter((event) => event === 'reconnected')).toHaveLength(1);
  expect(changes).toEqual([true, false, true]);
  unmount();
  expect(changes).toEqual([true, false, true, false]);
});
