import { describe, expect, test } from 'vitest';
import { seqs, upTo, watch } from '../client-setup.suite.ts';
import { foldAll } from '../fake-server.suite.ts';
import { Browser, jwt } from './tabs.suite.ts';

describe('tabs of one user', () => {
  test('[CLT-50] share one connection and one subscription, and each sees every event once', async () => {
    const browser = new Browser();
    const { server } = browser;
    server.append('r', 4);
    const [one, two] = [browser.tab(), browser.tab()];
    const first = watch(one, 'r');
    await browser.settle();
    expect(one.connection.getSnapshot()).toMatchObject({ state: 'live', transport: 'shared-worker', user: 'ada' });
    server.append('r', 3);
    await browser.settle();
    const second = watch(two, 'r');
    await browser.settle();
    expect(second.store.getSnapshot()).toMatchObject({ status: 'ready', cursor: 'e1:7' });
    server.append('r', 5);
    await browser.settle();
    expect(seqs(first.seen)).toEqual(upTo(5, 12));
    expect(seqs(second.seen)).toEqual(upTo(8, 12));
    for (const { store } of [first, second]) {
      expect(store.getSnapshot()).toMatchObject({ continuity: 'complete', cursor: 'e1:12' });
      expect(store.getSnapshot().view).toEqual(foldAll('r', server.log('r')));
    }
    expect(server.sockets).toHaveLength(1);
    expect(server.socket.received.filter(({ type }) => type === 'subscribe')).toHaveLength(1);
  });

  test('show the same list', async () => {
    const browser = new Browser();
    browser.server.append('a', 1);
    const lists = [browser.tab(), browser.tab()].map((tab) => tab.list());
    for (const list of lists) list.subscribe(() => {});
    await browser.settle();
    browser.server.append('b', 2);
    await browser.settle();
    for (const list of lists)
      expect(list.getSnapshot().rows.map(({ id, seq }) => [id, seq])).toEqual([
        ['b', 2],
        ['a', 1],
      ]);
    expect(browser.server.socket.lists.size).toBe(1);
  });

  test('[CLT-51] a tab that was away catches up from its own cursor, the others go on undisturbed', async () => {
    const browser = new Browser();
    const { server } = browser;
    server.page = 3;
    server.append('r', 4);
    const [one, two] = [browser.tab(), browser.tab()];
    const [first, second] = [watch(one, 'r'), watch(two, 'r')];
    await browser.settle();
    two.disconnect();
    server.append('r', 20);
    await browser.settle();
    expect(seqs(first.seen)).toEqual(upTo(5, 24));
    expect(second.seen).toEqual([]);
    two.connect();
    await browser.settle();
    server.append('r', 1);
    await browser.settle();
    expect(seqs(second.seen)).toEqual(upTo(5, 25));
    expect(second.store.getSnapshot()).toMatchObject({ continuity: 'complete' });
    expect(seqs(first.seen)).toEqual(upTo(5, 25));
    expect(server.sockets).toHaveLength(1);
  });

  test('a command goes over the shared connection, with its refusal', async () => {
    const browser = new Browser();
    const { server } = browser;
    server.append('r', 2);
    const { store } = watch(browser.tab(), 'r');
    await browser.settle();
    server.onCommand = ({ id }) => ({ type: 'ok', id, head: 8 });
    await expect(store.approve('ap', 'approved')).resolves.toEqual({ seq: 8 });
    expect(server.socket.received.at(-1)).toMatchObject({ type: 'command', command: { approvalId: 'ap' } });
  });

  test('the connection is let go a moment after the last tab', async () => {
    const browser = new Browser();
    browser.server.append('r', 2);
    const tabs = [browser.tab(), browser.tab()];
    for (const tab of tabs) watch(tab, 'r');
    await browser.settle();
    tabs[0]?.disconnect();
    await browser.wait(5_000);
    expect(browser.server.open).toHaveLength(1);
    tabs[1]?.disconnect();
    await browser.wait(5_000);
    expect(browser.server.open).toHaveLength(0);
  });
});

describe('who sees what', () => {
  test('[CLT-52] tabs of another user, or with other rights, have a connection of their own', async () => {
    const browser = new Browser();
    const names = () => [...browser.workers.keys()];
    for (const claims of [
      {},
      { exp: 9_999_999_999, jti: 'x' },
      { sub: 'bob' },
      { scope: 'run:read' },
      { tenant: 't2' },
    ]) {
      watch(browser.tab({ token: jwt(claims) }), 'r');
    }
    await browser.settle();
    expect(names()).toHaveLength(4);
  });

  test('[CLT-53] a tab whose own token is refused is signed out; the others stay', async () => {
    const browser = new Browser();
    const { server } = browser;
    server.append('r', 2);
    const good = watch(browser.tab(), 'r');
    await browser.settle();
    const bad = browser.tab({ token: jwt({ jti: 'revoked' }) });
    const { store } = watch(bad, 'r');
    await browser.settle();
    expect(bad.connection.getSnapshot().state).toBe('signed-out');
    expect(store.getSnapshot().view).toBeUndefined();
    server.append('r', 2);
    await browser.settle();
    expect(seqs(good.seen)).toEqual([3, 4]);
  });

  test('[CLT-53] a tab whose token has expired gets nothing more until it brings another', async () => {
    const browser = new Browser();
    const { server, clock } = browser;
    const soon = jwt({ exp: clock.now() / 1000 + 10 });
    server.append('r', 2);
    watch(browser.tab(), 'r');
    await browser.settle();
    const lasting = server.token;
    server.token = soon;
    const short = browser.tab({ token: soon });
    const { seen } = watch(short, 'r');
    await browser.settle();
    server.token = lasting;
    expect(short.connection.getSnapshot().state).toBe('live');
    await browser.wait(10_000);
    server.append('r', 2);
    await browser.settle();
    expect(short.connection.getSnapshot().state).toBe('signed-out');
    expect(seen).toEqual([]);
  });

  test('[CLT-54] a token that the server refuses is replaced by whichever tab has another, and every cursor stays', async () => {
    const browser = new Browser(jwt({ n: 1, jti: 'first' }));
    const { server } = browser;
    const second = jwt({ n: 1, jti: 'second' });
    server.append('r', 3);
    const tokens = [server.token, second];
    const renewing = watch(browser.tab({ token: () => Promise.resolve(tokens.shift()) }), 'r');
    const fixed = browser.tab();
    watch(fixed, 'r');
    await browser.settle();
    server.token = second;
    server.socket.cut(4401, 'token_expired');
    await browser.wait(2_000);
    server.append('r', 2);
    await browser.settle();
    expect(seqs(renewing.seen)).toEqual([4, 5]);
    expect(fixed.connection.getSnapshot().state).toBe('signed-out');
    expect(server.open).toHaveLength(1);
  });
});

describe('when something dies', () => {
  test('[CLT-55] the connection: all tabs come back over one new connection', async () => {
    const browser = new Browser();
    const { server } = browser;
    server.append('r', 3);
    const tabs = [browser.tab(), browser.tab(), browser.tab()];
    const watched = tabs.map((tab) => watch(tab, 'r'));
    await browser.settle();
    server.socket.cut();
    await browser.settle();
    expect(tabs.map((tab) => tab.connection.getSnapshot().state)).toEqual([
      'reconnecting',
      'reconnecting',
      'reconnecting',
    ]);
    server.append('r', 3);
    await browser.wait(1_000);
    for (const { seen } of watched) expect(seqs(seen)).toEqual([4, 5, 6]);
    expect(server.open).toHaveLength(1);
  });

  test('[CLT-56] the worker: its tabs find it out by their heartbeats and share a new one', async () => {
    const browser = new Browser();
    const { server } = browser;
    server.append('r', 3);
    const watched = [browser.tab(), browser.tab()].map((tab) => watch(tab, 'r'));
    await browser.settle();
    browser.kill();
    server.socket.cut();
    server.append('r', 3);
    await browser.wait(95_000);
    for (const { seen } of watched) expect(seqs(seen)).toEqual([4, 5, 6]);
    expect(server.open).toHaveLength(1);
    expect(browser.workers.size).toBe(1);
  });

  test('[CLT-56] a worker that cannot be had leaves each tab a connection of its own, and is climbed back to', async () => {
    const browser = new Browser();
    browser.loads = false;
    const { server } = browser;
    server.append('r', 3);
    const tabs = [browser.tab(), browser.tab()];
    const watched = tabs.map((tab) => watch(tab, 'r'));
    await browser.wait(3_000);
    expect(tabs.map((tab) => tab.connection.getSnapshot().transport)).toEqual(['websocket', 'websocket']);
    expect(server.open).toHaveLength(2);
    browser.loads = true;
    server.append('r', 2);
    await browser.wait(20_000);
    expect(tabs.map((tab) => tab.connection.getSnapshot().transport)).toEqual(['shared-worker', 'shared-worker']);
    expect(server.open).toHaveLength(1);
    server.append('r', 2);
    await browser.settle();
    for (const { seen } of watched) expect(seqs(seen)).toEqual([4, 5, 6, 7]);
  });

  test('[CLT-57] a tab that takes nothing (frozen) is sent no more than it can hold, and gets the rest when it wakes', async () => {
    const browser = new Browser();
    const { server } = browser;
    server.append('r', 3);
    const awake = watch(browser.tab(), 'r');
    const held: MessagePort[] = [];
    const frozen = browser.tab({
      platform: {
        sharedWorker: (name) => {
          const { port1, port2 } = new MessageChannel();
          browser.workers.get(name)?.(port2);
          held.push(port1);
          return { port: port1 } as unknown as SharedWorker;
        },
      },
    });
    await browser.settle();
    const asleep = watch(frozen, 'r');
    await browser.settle();
    const port = held[0] as MessagePort;
    const { onmessage } = port;
    const queued: MessageEvent[] = [];
    port.onmessage = (message) => queued.push(message);
    for (let burst = 0; burst < 60; burst++) server.append('r', 100);
    await browser.settle();
    const waiting = queued.flatMap(({ data }) => data.frames ?? []).flatMap(({ events }) => events ?? []);
    expect(waiting.length).toBeLessThan(2_500);
    expect(awake.seen).toHaveLength(6_000);
    port.onmessage = onmessage;
    for (const message of queued) onmessage?.call(port, message);
    await expect.poll(() => asleep.seen.length).toBe(6_000);
    expect(seqs(asleep.seen)).toEqual(upTo(4, 6_003));
    port.close();
  });
});
