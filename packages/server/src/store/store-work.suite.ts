import { describe, expect, test } from 'vitest';
import type { ClaimRequest, Store } from './store.ts';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import { append, committer, due, lease, newRun, queued, reasons, T0 } from './store-samples.suite.ts';

/** Queue, leases, due rows, slots, producers and unique keys: what moves within a part. */
export function storeWorkSuite(factory: StoreFactory): void {
  const open = fresh(factory);

  async function claim(store: Store, about: Partial<ClaimRequest> = {}): Promise<string[]> {
    const request = { tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 100, ...about };
    return (await store.claimable(request)).map(({ run, node }) => (node === 'n' ? run : `${run}.${node}`));
  }

  describe('the queue', () => {
    test('[STO-20] is claimed by priority, then in the order of queueing', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([
        newRun('a', { enqueue: [queued('a'), queued('a', { node: 'm', priority: 5 })] }),
        newRun('b', { enqueue: [queued('b', { priority: 9 })] }),
      ]);
      await commit([newRun('c', { enqueue: [queued('c', { priority: 5 })] }), newRun('d', { enqueue: [queued('d')] })]);
      expect(await claim(store)).toEqual(['b', 'a.m', 'c', 'a', 'd']);
      expect(await claim(store, { limit: 2 })).toEqual(['b', 'a.m']);
    });

    test('[STO-21] gives a node that is queued again a new place', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('a', { enqueue: [queued('a')] }), newRun('b', { enqueue: [queued('b')] })]);
      await commit([append('a', { enqueue: [queued('a')] })]);
      expect(await claim(store)).toEqual(['b', 'a']);
    });

    test('[STO-22] holds a delayed row back until its time, and tells when that is', async () => {
      const store = await open();
      const late = queued('late', { at: T0 + 100, priority: 1 });
      await committer(store)([newRun('late', { enqueue: [late] }), newRun('now', { enqueue: [queued('now')] })]);
      expect(await claim(store)).toEqual(['now']);
      expect(await store.nextClaimable(T0)).toBe(T0 + 100);
      expect(await claim(store, { now: T0 + 100 })).toEqual(['late', 'now']);
      expect(await store.nextClaimable(T0 + 100)).toBeUndefined();
    });

    test('[STO-23] gives only tasks, versions and queues that were asked for, as they were queued', async () => {
      const store = await open();
      const rows = {
        plain: queued('plain'),
        two: queued('two', { version: '2' }),
        other: queued('other', { task: 'other' }),
        slow: queued('slow', { queue: 'slow', priority: -1 }),
      };
      await committer(store)(Object.entries(rows).map(([run, one]) => newRun(run, { enqueue: [one] })));
      expect(await claim(store)).toEqual(['plain', 'slow']);
      expect(await claim(store, { tasks: [{ name: 'work', version: '2' }] })).toEqual(['plain', 'two', 'slow']);
      const both = [{ name: 'work', version: '1' }, { name: 'work', version: '2' }, { name: 'other' }];
      expect(await claim(store, { tasks: both })).toEqual(['plain', 'two', 'other', 'slow']);
      expect(await claim(store, { queues: ['slow'] })).toEqual(['slow']);
      expect(await claim(store, { queues: [] })).toEqual([]);
      const found = await store.claimable({ tenant: 't', tasks: both, now: T0, limit: 9 });
      expect(found).toEqual(Object.values(rows));
    });

    test('[STO-24] loses the rows of named nodes, or all of a run, before new ones come', async () => {
      const store = await open();
      const commit = committer(store);
      const nodes = ['m', 'n', 'o'].map((node) => queued('a', { node }));
      await commit([newRun('a', { enqueue: nodes }), newRun('b', { enqueue: [queued('b')] })]);
      await commit([append('a', { dequeue: ['m'] })]);
      expect(await claim(store)).toEqual(['a', 'a.o', 'b']);
      await commit([append('a', { dequeueAll: true, enqueue: [queued('a', { node: 'p' })] })]);
      expect(await claim(store)).toEqual(['b', 'a.p']);
    });
  });

  describe('leases', () => {
    const all = { limit: 100 };

    test('[STO-25] come and go with parts, and are found by end, boot and worker', async () => {
      const store = await open();
      const commit = committer(store);
      const rows = [
        lease('a', { expires: T0 + 3 }),
        lease('b', { expires: T0 + 1, boot: 'boot' }),
        lease('c', { expires: T0 + 2, worker: 'w2' }),
      ];
      await commit(rows.map((one) => newRun(one.run, { lease: [one] })));
      expect(await store.leases(all)).toEqual([rows[1], rows[2], rows[0]]);
      expect(await store.leases({ limit: 1 })).toEqual([rows[1]]);
      expect(await store.leases({ ...all, expiredAt: T0 + 2 })).toEqual([rows[1], rows[2]]);
      expect(await store.leases({ ...all, boot: 'boot' })).toEqual([rows[1]]);
      expect(await store.leases({ ...all, worker: 'w2', expiredAt: T0 + 1 })).toEqual([]);
      await commit([append('a', { release: ['n'] }), append('b', { release: ['other'] })]);
      expect((await store.leases(all)).map(({ run }) => run)).toEqual(['b', 'c']);
      await commit([append('c', { lease: [lease('c', { attempt: 2 })] })]);
      expect((await store.leases({ ...all, worker: 'w1' })).map(({ attempt }) => attempt)).toEqual([1, 2]);
    });

    test('[STO-26] are renewed where they still exist, for their worker and attempt only', async () => {
      const store = await open();
      await committer(store)([newRun('a', { lease: [lease('a')] })]);
      const renewed = await store.renewLeases(
        'w1',
        [lease('a'), lease('a', { attempt: 2 }), lease('a', { node: 'm' }), lease('b'), lease('a', { tenant: 'u' })],
        T0 + 9_000,
      );
      expect(renewed).toEqual([true, false, false, false, false]);
      expect(await store.renewLeases('w2', [lease('a')], T0 + 99_000)).toEqual([false]);
      expect(await store.leases(all)).toEqual([lease('a', { expires: T0 + 9_000 })]);
    });

    test('[STO-27] are lost only while they stand expired: a renewal in between drops the part', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('a', { lease: [lease('a', { expires: T0 + 10 })] })]);
      const lost = (at: number, attempt = 1) => append('a', { expired: [{ node: 'n', attempt, at }], release: ['n'] });
      expect(reasons(await commit([lost(T0 + 9)]))).toEqual(['lease']);
      expect(reasons(await commit([lost(T0 + 10, 2)]))).toEqual(['lease']);
      await store.renewLeases('w1', [lease('a')], T0 + 20);
      expect(reasons(await commit([lost(T0 + 10)]))).toEqual(['lease']);
      expect(reasons(await commit([lost(T0 + 20)]))).toEqual(['ok']);
      expect(reasons(await commit([lost(T0 + 20)]))).toEqual(['lease']);
    });
  });

  describe('due rows', () => {
    const keys = async (store: Store, now: number, limit = 100) =>
      (await store.due(now, limit)).map(({ run, key }) => `${run}.${key}`);

    test('[STO-28] are told earliest first, equal ones in the order of writing, also to runs that do not exist yet', async () => {
      const store = await open();
      const rows = [due('a', 'z', { at: T0 + 5 }), due('child', 'y', { at: T0 + 1 }), due('a', 'x', { at: T0 + 5 })];
      await committer(store)([newRun('a', { due: rows })]);
      expect(await store.due(T0 + 5, 100)).toEqual([rows[1], rows[0], rows[2]]);
      expect(await keys(store, T0 + 4)).toEqual(['child.y']);
      expect(await keys(store, T0 + 5, 2)).toEqual(['child.y', 'a.z']);
      expect(await store.nextDue()).toBe(T0 + 1);
    });

    test('[STO-29] are replaced under their key and removed by it, with the run, or where nobody can be told', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('a', { due: ['x', 'y', 'z'].map((key) => due('a', key)) })]);
      await commit([newRun('b', { due: [due('b', 'x'), due('gone', 'x')] })]);
      await commit([
        append('a', { due: [due('a', 'x', { at: T0 + 7, command: '{"again":1}' })], undue: ['y', 'none'] }),
      ]);
      expect(await keys(store, T0)).toEqual(['a.z', 'b.x', 'gone.x']);
      expect((await store.due(T0 + 7, 100)).at(-1)).toEqual(due('a', 'x', { at: T0 + 7, command: '{"again":1}' }));
      await commit([append('a', { undueAll: true, due: [due('a', 'new')] })]);
      expect(await keys(store, T0 + 7)).toEqual(['b.x', 'gone.x', 'a.new']);
      await store.dropDue([{ tenant: 't', run: 'gone', key: 'x' }]);
      expect(await keys(store, T0 + 7)).toEqual(['b.x', 'a.new']);
      await commit([append('a', { undue: ['new'] }), append('b', { undue: ['x'] })]);
      expect(await store.nextDue()).toBeUndefined();
    });
  });

  test('[STO-30] slots count up and down with their parts', async () => {
    const store = await open();
    const commit = committer(store);
    const slot = (delta: number) => [{ queue: 'q', key: 'k', delta }];
    await commit([newRun('a', { slots: slot(2) }), newRun('b', { slots: slot(1) })]);
    await commit([append('a', { fence: { ctl: 9 }, slots: slot(5) })]);
    expect(await store.slotsUsed('t', 'q', 'k')).toBe(3);
    await commit([append('a', { slots: slot(-3) })]);
    expect(await store.slotsUsed('t', 'q', 'k')).toBe(0);
    expect(await store.slotsUsed('t', 'q', 'other')).toBe(0);
  });

  describe('a producer', () => {
    test('[STO-31] moves with its append, and only from what the decision saw', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('r')]);
      const move = (sequence: number, was: { term: number; sequence: number } | null) => ({
        ...append('r'),
        events: [...append('r').events, ...append('r').events],
        producers: [{ id: 'p', term: 1, sequence, was, last: 1 }],
      });
      const producer = () => store.producer({ tenant: 't', run: 'r' }, 'p');
      expect(await producer()).toBeUndefined();
      expect(reasons(await commit([move(1, { term: 1, sequence: 0 })]))).toEqual(['producer']);
      expect(reasons(await commit([move(1, null)]))).toEqual(['ok']);
      expect(await producer()).toEqual({ term: 1, sequence: 1, seq: 3 });
      expect(reasons(await commit([move(2, null)]))).toEqual(['producer']);
      expect(reasons(await commit([move(2, { term: 1, sequence: 1 })]))).toEqual(['ok']);
      expect(await producer()).toEqual({ term: 1, sequence: 2, seq: 5 });
    });
  });

  test('[STO-32] a unique key is taken once, also within one batch, and names the run that took it', async () => {
    const store = await open();
    const commit = committer(store);
    const keyed = (run: string, hash: string, tenant = 't') =>
      newRun(run, { tenant, unique: { scope: 'create', key: 'k', hash } });
    expect(reasons(await commit([keyed('a', 'h1'), keyed('b', 'h2'), keyed('c', 'h3', 'u')]))).toEqual([
      'ok',
      'unique',
      'ok',
    ]);
    expect(await store.unique('t', 'create', 'k')).toEqual({ run: 'a', hash: 'h1' });
    expect(await store.unique('u', 'create', 'k')).toEqual({ run: 'c', hash: 'h3' });
    expect(await store.unique('t', 'other', 'k')).toBeUndefined();
    expect(await store.runRow({ tenant: 't', run: 'b' })).toBeUndefined();
  });
}
