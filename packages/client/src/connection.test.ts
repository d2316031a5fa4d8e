import { toProblem } from '@millrace/protocol/error';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { seqs, setup, upTo, watch } from './client-setup.suite.ts';
import { foldAll, settle } from './fake-server.suite.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';
import { nativePlatform } from './transport.ts';

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
    expect(client.connection.getSnapshot()).toMatchObject({ state: 'signed-out', error: { code: 'token_expired' } });
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

  test('[CLT-16] a token function that gives none says that nobody is signed in', async () => {
    const tokens = ['good', undefined];
    const { server, client, clock } = setup({ token: () => Promise.resolve(tokens.shift()) });
    server.append('r', 3);
    const { store } = watch(client, 'r');
    await settle();
    server.socket.cut(4401, 'token_expired');
    await settle();
    expect(client.connection.getSnapshot()).toMatchObject({ state: 'signed-out', error: { code: 'unauthorized' } });
    clock.advance(600_000);
    await settle();
    expect(server.open).toHaveLength(0);
    expect(store.getSnapshot().cursor).toBe('e1:3');
  });

  test('[CLT-15] a token function that answers the same text once more is believed, and not for ever', async () => {
    const { server, client } = setup({ token: async () => 'same' });
    server.token = 'same';
    server.append('r', 1);
    watch(client, 'r');
    await settle();
    server.socket.cut(4401, 'token_expired');
    await settle();
    expect(client.connection.getSnapshot().state).toBe('live');
    server.token = 'another';
    server.socket.cut(4401, 'token_expired');
    await settle();
    expect(client.connection.getSnapshot().state).toBe('signed-out');
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

  test('[CLT-15] a function that gives the same token until it expires is not asked over and over', async () => {
    const clock = new SimulatedClock();
    const token = `x.${btoa(JSON.stringify({ exp: clock.now() / 1000 + 120 }))}.y`;
    const ask = vi.fn(() => Promise.resolve(token));
    const { server, client } = setup({ clock, token: ask });
    server.token = token;
    watch(client, 'r');
    await settle();
    for (let second = 0; second < 200; second++) {
      clock.advance(1_000);
      await settle();
    }
    expect(ask).toHaveBeenCalledTimes(2);
    expect(client.connection.getSnapshot().state).toBe('live');
  });
});

describe('a page that was hidden or asleep', () => {
  test('[CLT-84] asks at once whether the server still hears, and stays where it does', async () => {
    const { server, client, clock, wake, states } = setup();
    server.append('r', 3);
    const { seen } = watch(client, 'r');
    await settle();
    wake();
    await settle();
    expect(server.socket.received.at(-1)).toMatchObject({ type: 'ping' });
    for (let beat = 0; beat < 9; beat++) {
      clock.advance(10_000);
      await settle();
    }
    server.append('r', 1);
    expect(seqs(seen)).toEqual([4]);
    expect(states).toEqual(['connecting', 'catching-up', 'live']);
    expect(server.sockets).toHaveLength(1);
  });

  test('[CLT-84] finds a connection that died meanwhile, and catches up exactly, long before a heartbeat would', async () => {
    const { server, client, clock, wake } = setup();
    server.append('r', 3);
    const { store, seen } = watch(client, 'r');
    await settle();
    // The network forgot the connection: nothing arrives any more, and nobody is told.
    server.socket.client.onmessage = undefined;
    server.append('r', 6);
    await settle();
    expect(seen).toEqual([]);
    wake();
    await settle();
    clock.advance(5_000);
    expect(client.connection.getSnapshot().state).toBe('reconnecting');
    clock.advance(500);
    await settle();
    server.append('r', 1);
    expect(seqs(seen)).toEqual(upTo(4, 10));
    expect(store.getSnapshot()).toMatchObject({ continuity: 'complete' });
  });

  test('[CLT-84] does not wait for a backoff whose timer stood still', async () => {
    const { server, client, wake } = setup();
    server.append('r', 3);
    const { seen } = watch(client, 'r');
    await settle();
    server.socket.cut();
    server.append('r', 2);
    expect(client.connection.getSnapshot().state).toBe('reconnecting');
    wake();
    await settle();
    expect(client.connection.getSnapshot().state).toBe('live');
    expect(seqs(seen)).toEqual([4, 5]);
  });

  test('[CLT-84] is one that the browser shows again: from hidden, from its cache, from frozen', () => {
    const document = Object.assign(new EventTarget(), { visibilityState: 'hidden' });
    const window = new EventTarget();
    vi.stubGlobal('document', document);
    vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
    vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window));
    onTestFinished(() => {
      vi.unstubAllGlobals();
    });
    const platform = nativePlatform(new SimulatedClock());
    const woken = vi.fn();
    const network = vi.fn();
    const off = [platform.onWake(woken), platform.onNetwork(network)];
    document.dispatchEvent(new Event('visibilitychange'));
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    expect(woken).not.toHaveBeenCalled();
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    document.dispatchEvent(new Event('resume'));
    expect(woken).toHaveBeenCalledTimes(3);
    for (const name of ['offline', 'online']) window.dispatchEvent(new Event(name));
    expect(network.mock.calls).toEqual([[false], [true]]);
    for (const stop of off) stop();
    document.dispatchEvent(new Event('resume'));
    window.dispatchEvent(new Event('online'));
    expect([woken.mock.calls.length, network.mock.calls.length]).toEqual([3, 2]);
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

describe('the policy', () => {
  test('[CLT-100] after the last attempt it is closed, says why, and comes back when it is told to', async () => {
    const { server, client, clock, states } = setup({ policy: { attempts: 5, backoffMax: 5_000 } });
    server.append('r', 3);
    const { seen } = watch(client, 'r');
    await settle();
    server.up = false;
    server.socket.cut();
    for (let n = 0; n < 20; n++) {
      clock.advance(5_000);
      await settle();
    }
    expect(states.slice(-2)).toEqual(['reconnecting', 'closed']);
    expect(client.connection.getSnapshot()).toMatchObject({ state: 'closed', error: { code: 'unreachable' } });
    server.up = true;
    server.append('r', 2);
    client.reconnect();
    await settle();
    expect(client.connection.getSnapshot().state).toBe('live');
    expect(seqs(seen)).toEqual([4, 5]);
  });
});
