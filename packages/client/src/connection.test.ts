import { toProblem } from '@millrace/protocol/error';
import { describe, expect, test } from 'vitest';
import { seqs, setup, upTo, watch } from './client-setup.suite.ts';
import { foldAll, settle } from './fake-server.suite.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';

describe('the token', () => {
  test('[CLT-15] that expired is replaced through the token function, and every cursor stays', async () => {
    const tokens = ['good', 'better'];
    const { server, client, states } = setup({ token: () => Promise.resolve(tokens.shift() ?? '') });
    server.append('r', 3);
    const { seen } = watch(client, 'r');
    await settle();
    server.token = 'better';
    server.socket.send({ type: 'error', problem: toProblem({ code: 'token_expired' }) });
    await settle();
    server.append('r', 2);
    expect(seqs(seen)).toEqual([4, 5]);
    expect(states.slice(2)).toEqual(['live', 'reconnecting', 'catching-up', 'live']);
    expect(server.socket.received).toContainEqual(expect.objectContaining({ after: 'e1:3' }));
  });

  test('[CLT-16] nobody is asked for ever: without an acceptable token the state is signed-out', async () => {
    const { server, client, clock } = setup({ token: 'bad' });
    watch(client, 'r');
    await settle();
    expect(client.connection.getSnapshot()).toMatchObject({ state: 'signed-out', error: { code: 'unauthorized' } });
    const { length } = server.sockets;
    clock.advance(600_000);
    await settle();
    expect(server.sockets).toHaveLength(length);

    let asked = 0;
    const stubborn = setup({ token: () => Promise.resolve(`bad ${++asked}`) });
    watch(stubborn.client, 'r');
    await settle();
    expect(stubborn.client.connection.getSnapshot().state).toBe('signed-out');
    expect(asked).toBe(2);
  });

  test('signing in again and reconnecting goes on from the cursors', async () => {
    let session = 'good';
    const { server, client } = setup({ token: () => Promise.resolve(session) });
    server.append('r', 3);
    const { seen } = watch(client, 'r');
    await settle();
    server.token = 'second';
    server.socket.cut(4401, 'token_expired');
    await settle();
    expect(client.connection.getSnapshot().state).toBe('signed-out');
    session = 'second';
    server.append('r', 2);
    client.reconnect();
    await settle();
    expect(client.connection.getSnapshot().state).toBe('live');
    expect(seqs(seen)).toEqual([4, 5]);
  });

  test('requests that find the token expired get one new token between them', async () => {
    let asked = 0;
    const { server, client } = setup({ token: () => Promise.resolve(++asked === 1 ? 'good' : 'second') });
    await client.api.runs();
    server.token = 'second';
    await expect(Promise.all([client.api.runs(), client.api.runs(), client.api.runs()])).resolves.toHaveLength(3);
    expect(asked).toBe(2);
  });

  test('a token function whose network failed is asked again, and nobody is signed out', async () => {
    let fails = true;
    const { server, client, clock } = setup({
      token: () => (fails ? Promise.reject(new TypeError('fetch failed')) : Promise.resolve('good')),
    });
    server.append('r', 1);
    watch(client, 'r');
    await settle();
    expect(client.connection.getSnapshot().state).toBe('reconnecting');
    fails = false;
    clock.advance(500);
    await settle();
    expect(client.connection.getSnapshot().state).toBe('live');
  });

  test('is replaced before it expires, on the connection that is up', async () => {
    const clock = new SimulatedClock();
    let issued = 0;
    const jwt = () => `x.${btoa(JSON.stringify({ exp: clock.now() / 1000 + 120, n: ++issued }))}.y`;
    const first = jwt();
    const queue = [first];
    const { server, client } = setup({ clock, token: () => Promise.resolve(queue.shift() ?? jwt()) });
    server.token = first;
    watch(client, 'r');
    await settle();
    clock.advance(30_000);
    await settle();
    expect(server.socket.received.filter(({ type }) => type === 'token')).toHaveLength(0);
    clock.advance(30_000);
    await settle();
    expect(server.sockets).toHaveLength(1);
    expect(server.socket.received.filter(({ type }) => type === 'token')).toHaveLength(1);
  });
});

describe('transports', () => {
  test('[CLT-19] WebSocket → SSE → polling and back up, with the same cursor, each event once', async () => {
    const { server, client, clock } = setup();
    server.webSockets = false;
    server.append('r', 4);
    const { store, seen } = watch(client, 'r');
    const until = async (transport: string) => {
      for (let turn = 0; turn < 40 && client.connection.getSnapshot().transport !== transport; turn++) {
        clock.advance(2_500);
        await settle();
      }
      expect(client.connection.getSnapshot().transport).toBe(transport);
    };
    await until('sse');
    await settle();
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', cursor: 'e1:4' });
    server.append('r', 3);
    await settle();
    expect(seqs(seen)).toEqual([5, 6, 7]);

    server.streams = false;
    client.disconnect();
    server.append('r', 1);
    client.connect();
    await until('polling');
    expect(seqs(seen)).toEqual([5, 6, 7, 8]);
    server.append('r', 1);
    clock.advance(2_000);
    await settle();
    expect(seqs(seen)).toEqual([5, 6, 7, 8, 9]);

    server.webSockets = true;
    server.streams = true;
    await until('websocket');
    server.append('r', 2);
    expect(seqs(seen)).toEqual(upTo(5, 11));
    expect(store.getSnapshot()).toMatchObject({ continuity: 'complete', cursor: 'e1:11' });
    expect(store.getSnapshot().view).toEqual(foldAll('r', server.log('r')));
  });

  test('polling alone shows the whole run, and says that it polls', async () => {
    const { server, client, clock } = setup({ transports: ['polling'] });
    server.append('r', 4);
    server.page = 3;
    const { store, seen } = watch(client, 'r');
    client.list().subscribe(() => {});
    await settle();
    expect(client.connection.getSnapshot().state).toBe('polling');
    server.append('r', 5);
    clock.advance(2_000);
    await settle();
    expect(seqs(seen)).toEqual(upTo(5, 9));
    expect(store.getSnapshot().view).toEqual(foldAll('r', server.log('r')));
    expect(client.list().getSnapshot().rows).toMatchObject([{ id: 'r', seq: 9 }]);
  });

  test('Retry-After is honoured', async () => {
    const { client, clock, server } = setup({ transports: ['polling'] });
    server.busyFor = 20;
    watch(client, 'r');
    await settle();
    expect(client.connection.getSnapshot()).toMatchObject({ state: 'reconnecting', retryAt: clock.now() + 20_500 });
  });
});
