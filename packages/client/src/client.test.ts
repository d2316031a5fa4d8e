import { toProblem } from '@millrace/protocol/error';
import { describe, expect, test, vi } from 'vitest';
import { seqs, setup, upTo, watch } from './client-setup.suite.ts';
import { foldAll, settle } from './fake-server.suite.ts';

describe('a run', () => {
  test('[CLT-10] comes as a snapshot and then live, and its view is the fold of its log', async () => {
    const { server, client, states } = setup();
    server.append('r', 5);
    const { store, seen } = watch(client, 'r');
    expect(store.getSnapshot()).toMatchObject({ status: 'loading', view: undefined });
    await settle();
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', continuity: 'complete', cursor: 'e1:5' });
    server.append('r', 7);
    expect(seqs(seen)).toEqual(upTo(6, 12));
    expect(store.getSnapshot().view).toEqual(foldAll('r', server.log('r')));
    expect(states).toEqual(['connecting', 'catching-up', 'live']);
  });

  test('[CLT-11] snapshots of a store never change, and stay the same object between changes', async () => {
    const { server, client } = setup();
    server.append('r', 4);
    const { store } = watch(client, 'r');
    await settle();
    const before = store.getSnapshot();
    const copy = structuredClone(before.view);
    expect(store.getSnapshot()).toBe(before);
    server.append('r', 5);
    expect(store.getSnapshot()).not.toBe(before);
    expect(before.view).toEqual(copy);
  });

  test('tells its listeners once per message, however many events that holds', async () => {
    const { server, client } = setup();
    server.append('r', 1);
    const { store } = watch(client, 'r');
    await settle();
    const listener = vi.fn();
    store.subscribe(listener);
    server.append('r', 100);
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test('that does not exist is missing; the connection stays', async () => {
    const { client, server } = setup();
    const { store } = watch(client, 'none');
    await settle();
    expect(store.getSnapshot()).toMatchObject({ status: 'missing', error: { code: 'run_not_found' } });
    expect(client.connection.getSnapshot().state).toBe('live');
    expect(server.open).toHaveLength(1);
  });

  test('can be followed in part: the view is the fold of the part', async () => {
    const { server, client } = setup();
    server.append('r', 6);
    const store = client.run('r', { filter: { types: ['log'] } });
    store.subscribe(() => {});
    await settle();
    server.append('r', 7);
    const shown = server.log('r').filter(({ type }) => type === 'log' || type.startsWith('run.'));
    expect(store.getSnapshot().view?.content).toEqual(foldAll('r', shown).content);
    expect(store.getSnapshot().cursor).toBe('e1:13');
  });
});

describe('one connection', () => {
  test('[CLT-12] serves all stores, and equal ones share a subscription', async () => {
    const { server, client } = setup();
    server.append('a', 2);
    server.append('b', 2);
    for (const run of ['a', 'b', 'a']) watch(client, run);
    client.list({ workflow: 'w' }).subscribe(() => {});
    client.list({ workflow: 'w' }).subscribe(() => {});
    await settle();
    expect(server.sockets).toHaveLength(1);
    expect(server.socket.subscriptions.size).toBe(2);
    expect(server.socket.lists.size).toBe(1);
  });

  test('[CLT-13] a store stays subscribed a moment after its last listener, and comes back from its cursor', async () => {
    const { server, client, clock } = setup();
    server.append('r', 3);
    const first = watch(client, 'r');
    await settle();
    first.leave();
    clock.advance(1_999);
    expect(server.socket.subscriptions.size).toBe(1);
    const second = watch(client, 'r');
    clock.advance(10_000);
    expect(server.socket.subscriptions.size).toBe(1);
    second.leave();
    clock.advance(2_000);
    await settle();
    expect(server.socket.subscriptions.size).toBe(0);
    server.append('r', 2);
    const third = watch(client, 'r');
    await settle();
    expect(server.socket.received.at(-1)).toMatchObject({ type: 'subscribe', after: 'e1:3' });
    expect(seqs(third.seen)).toEqual([4, 5]);
  });

  test('[CLT-14] comes back by itself with every cursor, after a full-jitter backoff', async () => {
    const { server, client, clock, states } = setup();
    server.append('r', 3);
    const { store, seen } = watch(client, 'r');
    await settle();
    server.socket.cut();
    expect(client.connection.getSnapshot()).toMatchObject({
      state: 'reconnecting',
      attempt: 1,
      retryAt: clock.now() + 500,
    });
    expect(store.getSnapshot().view?.seq).toBe(3);
    server.append('r', 4);
    clock.advance(500);
    await settle();
    expect(server.socket.received).toContainEqual(expect.objectContaining({ type: 'subscribe', after: 'e1:3' }));
    expect(seqs(seen)).toEqual([4, 5, 6, 7]);
    expect(store.getSnapshot()).toMatchObject({ continuity: 'complete', cursor: 'e1:7' });
    expect(states).toEqual(['connecting', 'catching-up', 'live', 'reconnecting', 'catching-up', 'live']);
  });

  test('a silent server is noticed after two unanswered heartbeats', async () => {
    const { server, client, clock } = setup();
    server.append('r', 1);
    watch(client, 'r');
    await settle();
    for (let beat = 0; beat < 5; beat++) {
      clock.advance(30_000);
      await settle();
    }
    expect(client.connection.getSnapshot().state).toBe('live');
    server.answers = false;
    clock.advance(60_000);
    expect(client.connection.getSnapshot().state).toBe('live');
    clock.advance(30_000);
    expect(client.connection.getSnapshot()).toMatchObject({ state: 'reconnecting', error: { code: 'unreachable' } });
  });

  test('offline nothing is tried; online at once', async () => {
    const { server, client, clock, network } = setup();
    server.append('r', 1);
    watch(client, 'r');
    await settle();
    network(false);
    expect(client.connection.getSnapshot().state).toBe('offline');
    clock.advance(600_000);
    await settle();
    expect(server.open).toHaveLength(0);
    network(true);
    await settle();
    expect(client.connection.getSnapshot().state).toBe('live');
  });

  test('closed by the application it stays closed, and keeps what it shows', async () => {
    const { server, client, clock } = setup();
    server.append('r', 2);
    const { store } = watch(client, 'r');
    await settle();
    client.disconnect();
    watch(client, 'other');
    clock.advance(600_000);
    await settle();
    expect(client.connection.getSnapshot().state).toBe('closed');
    expect(server.open).toHaveLength(0);
    expect(store.getSnapshot().status).toBe('ready');
    client.connect();
    await settle();
    expect(client.connection.getSnapshot().state).toBe('live');
  });
});

describe('what went wrong', () => {
  test('[CLT-7] a restored server: gap is shown as such until the snapshot repairs the view', async () => {
    const { server, client, clock } = setup();
    server.append('r', 9);
    const { store } = watch(client, 'r');
    await settle();
    const shown: string[] = [];
    store.subscribe(() => shown.push(store.getSnapshot().continuity));
    server.epoch = 'e2';
    server.log('r').length = 4;
    server.socket.cut();
    clock.advance(500);
    await settle();
    expect(shown).toContain('gap');
    expect(store.getSnapshot()).toMatchObject({ continuity: 'repaired', cursor: 'e2:4' });
    expect(store.getSnapshot().view).toEqual(foldAll('r', server.log('r')));
  });

  test('[CLT-6] a range that was lost on the way is asked for again, from the cursor', async () => {
    const { server, client } = setup();
    server.append('r', 2);
    const { store, seen } = watch(client, 'r');
    await settle();
    const subscription = server.socket.subscriptions.get('r');
    if (subscription) subscription.cursor += 3;
    server.append('r', 4);
    await settle();
    expect(server.socket.received.at(-1)).toMatchObject({ type: 'subscribe', after: 'e1:2' });
    expect(seqs(seen)).toEqual([3, 4, 5, 6]);
    expect(store.getSnapshot().continuity).toBe('complete');
  });

  test('a repeated range changes nothing', async () => {
    const { server, client } = setup();
    server.append('r', 5);
    const { store, seen } = watch(client, 'r');
    await settle();
    const before = store.getSnapshot();
    server.socket.send({ type: 'range', key: 'r', run: 'r', seq: 2, through: 5, events: server.log('r').slice(1) });
    expect(store.getSnapshot()).toBe(before);
    expect(seen).toEqual([]);
  });
});

describe('a list', () => {
  test('[CLT-17] holds the rows, newest first; the last state wins', async () => {
    const { server, client } = setup();
    server.append('a', 1);
    server.append('b', 1);
    const list = client.list();
    list.subscribe(() => {});
    await settle();
    expect(list.getSnapshot().rows.map(({ id }) => id)).toEqual(['b', 'a']);
    server.append('a', 4);
    server.append('c', 1);
    expect(list.getSnapshot().rows.map(({ id, seq }) => [id, seq])).toEqual([
      ['c', 1],
      ['b', 1],
      ['a', 5],
    ]);
    expect(list.getSnapshot().total).toBe(3);
    server.socket.send({ type: 'row', list: [...server.socket.lists][0] ?? 0, row: { ...server.row('a'), seq: 3 } });
    server.socket.send({ type: 'gone', list: [...server.socket.lists][0] ?? 0, run: 'b' });
    expect(list.getSnapshot().rows.map(({ id, seq }) => [id, seq])).toEqual([
      ['c', 1],
      ['a', 5],
    ]);
  });
});

describe('a command', () => {
  test('goes over the connection with an idempotency key', async () => {
    const { server, client } = setup();
    server.append('r', 1);
    const { store } = watch(client, 'r');
    await settle();
    server.onCommand = ({ id }) => ({ type: 'ok', id, head: 8 });
    await expect(store.approve('ap', 'approved', 'fine')).resolves.toEqual({ seq: 8 });
    expect(server.socket.received.at(-1)).toMatchObject({
      type: 'command',
      run: 'r',
      command: { type: 'approve', approvalId: 'ap', decision: 'approved', comment: 'fine' },
      key: expect.stringMatching(/^[0-9a-z]{24}$/),
    });
  });

  test('that is refused rejects with the error of the table', async () => {
    const { server, client } = setup();
    server.append('r', 1);
    const { store } = watch(client, 'r');
    await settle();
    const problem = toProblem({ code: 'already_answered', facts: { decision: 'rejected' } });
    server.onCommand = ({ id }) => ({ type: 'error', id, problem });
    await expect(store.approve('ap', 'approved')).rejects.toMatchObject({
      code: 'already_answered',
      facts: { decision: 'rejected' },
    });
  });

  test('[CLT-18] whose answer was lost is sent again over HTTP with the same key', async () => {
    const { server, client } = setup();
    server.append('r', 1);
    const { store } = watch(client, 'r');
    await settle();
    let key: string | undefined;
    server.onCommand = (frame) => {
      key = frame.key;
      queueMicrotask(() => server.socket.cut());
      return undefined;
    };
    await expect(store.approve('ap', 'approved')).resolves.toMatchObject({ seq: 7 });
    const posted = server.requests.find(({ method }) => method === 'POST');
    expect(posted).toMatchObject({ path: '/api/runs/r/approvals/ap', body: { decision: 'approved' } });
    expect(posted?.headers.get('idempotency-key')).toBe(key);
  });
});
