import { formatTimePosition } from '@millrace/protocol/dialects/position-time';
import type { RunSocketMessage } from '@millrace/protocol/dialects/run-socket';
import { expect, test } from 'vitest';
import { SimulatedClock } from '../simulated-clock.suite.ts';
import { ResilientSocket, type ResilientSocketOptions } from './resilient-socket.ts';
import { testSockets } from './test-socket.suite.ts';

async function setup(options: Partial<ResilientSocketOptions> = {}) {
  const { sockets, last, WebSocket } = testSockets();
  const clock = new SimulatedClock();
  const asked: (string | undefined)[] = [];
  const changes: boolean[] = [];
  const messages: RunSocketMessage[] = [];
  const socket = new ResilientSocket(
    {
      runId: 'r 1',
      onMessage: (message) => messages.push(message),
      onConnectionChange: (connected) => changes.push(connected),
      ...options,
    },
    {
      url: () => 'https://millrace.test/base/',
      token: async (refused) => {
        asked.push(refused);
        return `token ${asked.length}`;
      },
      clock,
      WebSocket,
    },
  );
  /** Lets the token arrive, and moves the clock to the next attempt: ms that it took. */
  const next = async (most = 100_000) => {
    const { length } = sockets;
    const before = clock.now();
    for (let at = 0; at <= most; at += 500) {
      await Promise.resolve();
      await Promise.resolve();
      if (sockets.length > length) return clock.now() - before;
      clock.advance(500);
    }
    return undefined;
  };
  socket.start();
  await Promise.resolve();
  await Promise.resolve();
  return { socket, sockets, last, next, clock, asked, changes, messages };
}

test('[CLT-102] it is connected when the server says so, hands on its messages and sends what it is given', async () => {
  const { socket, last, changes, messages } = await setup();
  expect(last().url.href).toBe('wss://millrace.test/base/ws/r%201?token=token+1');
  expect(socket.sendMessage({ type: 'pause' })).toBe(false);
  last().open();
  expect(changes).toEqual([]);
  last().say({ event_type: 'connected', seq: 3 });
  last().say({ event_type: 'workflow_started', seq: 4 });
  last().onmessage({ data: 'no JSON' });
  expect(changes).toEqual([true]);
  expect(socket.getSnapshot()).toEqual({ connected: true });
  expect(messages.map(({ event_type }) => event_type)).toEqual(['connected', 'workflow_started']);
  expect(socket.sendMessage({ type: 'pause' })).toBe(true);
  expect(last().sent).toEqual([{ type: 'pause' }]);
});

test('[CLT-103] it comes back after 1, 2, 4 … 30 s exactly, with the last timestamp, and asks for the state', async () => {
  const { last, next, changes } = await setup();
  last().open('connected', 3);
  last().say({ event_type: 'workflow_started', seq: 4 });
  const waits: (number | undefined)[] = [];
  for (let n = 0; n < 7; n++) {
    last().cut();
    waits.push(await next());
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(last().url.searchParams.get('since')).toBe(formatTimePosition(1_800_000_000_000, 4));
  last().open('reconnected', 4);
  expect(last().sent).toEqual([{ type: 'request_state' }]);
  expect(changes).toEqual([true, false, true]);
  last().cut();
  expect(await next(), 'it was up, so it begins with 1 s again').toBe(1_000);
});

test('[CLT-103] it gives up after maxReconnectAttempts, and the given delays are its own', async () => {
  const options = { maxReconnectAttempts: 3, initialReconnectDelay: 500, maxReconnectDelay: 1_500 };
  const { socket, last, next } = await setup(options);
  const waits: (number | undefined)[] = [];
  for (let n = 0; n < 4; n++) {
    last().cut();
    waits.push(await next());
  }
  expect(waits).toEqual([500, 1_000, 1_500, undefined]);
  socket.reconnect();
  expect(await next()).toBe(0);
  last().cut();
  expect(await next()).toBe(500);
});

test('[CLT-103] disconnect keeps it away, reconnect brings it back at once', async () => {
  const { socket, last, next, changes } = await setup();
  last().open('connected', 2);
  socket.disconnect();
  expect(last().readyState).toBe(3);
  expect(await next()).toBeUndefined();
  socket.reconnect();
  expect(await next()).toBe(0);
  expect(last().url.searchParams.has('since')).toBe(true);
  last().open('reconnected', 2);
  expect(changes).toEqual([true, false, true]);
});

test('[CLT-104] it pings, and a connection that answers nothing any more is replaced', async () => {
  const { last, next, clock, sockets } = await setup({ heartbeatInterval: 10_000 });
  last().open('connected', 1);
  clock.advance(10_000);
  expect(last().sent).toEqual([{ type: 'ping' }]);
  last().say({ event_type: 'pong', seq: 1 });
  clock.advance(20_000);
  expect(last().sent).toHaveLength(3);
  expect(sockets).toHaveLength(1);
  clock.advance(10_000);
  expect(sockets[0]?.readyState).toBe(3);
  expect(await next()).toBe(1_000);
});

test('[CLT-105] a refused token is replaced, and what was said at the door is no place in the log', async () => {
  const { last, next, asked } = await setup();
  last().open('connected', 5);
  last().cut();
  await next();
  last().open();
  last().say({ event_type: 'error', seq: 0, data: { code: 'token_expired' } });
  last().cut(4401);
  expect(await next()).toBe(2_000);
  expect(asked).toEqual([undefined, undefined, 'token 2']);
  expect(last().url.searchParams.get('since')).toMatch(/0005Z$/);
});
