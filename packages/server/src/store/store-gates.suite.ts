import { describe, expect, test } from 'vitest';
import type { Part, QueueRow, SlotChange, Store } from './store.ts';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import { append, committer, newRun, queued, reasons, T0 } from './store-samples.suite.ts';

/** Concurrency keys and rates: what waits for room, and what takes it. */
export function storeGatesSuite(factory: StoreFactory): void {
  const open = fresh(factory);

  const claim = async (store: Store, now = T0, limit = 100) =>
    (await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now, limit })).map(({ run }) => run);
  const take = (key: string, delta = 1, limit?: number): SlotChange => ({
    ...{ queue: 'default', key, delta },
    ...(limit === undefined ? {} : { limit }),
  });
  const start = (key: string, at: number, limit = 2) => ({ queue: 'default', key, limit, per: 100, at });

  describe('slots', () => {
    const waiting = (run: string, keys: Record<string, number>, about: Partial<QueueRow> = {}) =>
      newRun(run, {
        enqueue: [queued(run, { slots: Object.entries(keys).map(([key, limit]) => ({ key, limit })), ...about })],
      });

    test('[STO-90] hold a queue row back while one of its keys is taken to the limit, and let others by', async () => {
      const store = await open();
      const commit = committer(store);
      const rows = [waiting('a', { k: 2 }), waiting('b', { k: 2, l: 1 }), newRun('c', { enqueue: [queued('c')] })];
      await commit([...rows, newRun('x')]);
      expect(await claim(store)).toEqual(['a', 'b', 'c']);
      await commit([append('x', { slots: [take('l')] })]);
      expect(await claim(store)).toEqual(['a', 'c']);
      await commit([append('x', { slots: [take('l', -1), take('k', 2)] })]);
      expect(await claim(store)).toEqual(['c']);
      await commit([append('x', { slots: [take('k', -1)] })]);
      expect(await claim(store)).toEqual(['a', 'c']);
      expect((await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 1 }))[0]).toEqual(
        queued('a', { slots: [{ key: 'k', limit: 2 }] }),
      );
    });

    test('[STO-91] are counted within an answer: all of it may be claimed', async () => {
      const store = await open();
      await committer(store)([
        waiting('a', { k: 2 }),
        waiting('b', { k: 2, l: 1 }),
        waiting('c', { k: 2 }),
        waiting('d', { l: 1 }),
        waiting('e', { m: 0 }),
        newRun('f', { enqueue: [queued('f', { priority: 1 })] }),
      ]);
      expect(await claim(store)).toEqual(['f', 'a', 'b']);
      expect(await claim(store, T0, 2)).toEqual(['f', 'a']);
    });

    test('[STO-92] belong to a tenant, a queue and a key; delay, version and queue of the row count as ever', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([
        waiting('a', { k: 1 }, { at: T0 + 50 }),
        waiting('b', { k: 1 }, { queue: 'slow' }),
        waiting('c', { k: 1 }, { version: '2' }),
        newRun('u', { tenant: 'u', slots: [take('k', 5)] }),
        newRun('x', { slots: [take('k', 0), { ...take('k'), queue: 'other' }] }),
      ]);
      expect(await claim(store)).toEqual(['b']);
      expect(await claim(store, T0 + 50)).toEqual(['a', 'b']);
      expect(await store.nextClaimable(T0)).toBe(T0 + 50);
      const of = { tenant: 't', tasks: [{ name: 'work', version: '2' }], now: T0, limit: 9 };
      expect((await store.claimable(of)).map(({ run }) => run)).toEqual(['b', 'c']);
      expect((await store.claimable({ ...of, queues: ['default'] })).map(({ run }) => run)).toEqual(['c']);
      await commit([append('a', { dequeue: ['n'] }), append('b', { dequeueAll: true })]);
      expect(await claim(store, T0 + 50)).toEqual([]);
    });

    test('[STO-93] are never taken beyond their limit: the part drops out alone, also within one batch', async () => {
      const store = await open();
      const commit = committer(store);
      const takes = (run: string, ...slots: SlotChange[]) => newRun(run, { slots });
      const one = take('k', 1, 2);
      expect(reasons(await commit([takes('a', one), takes('b', one), takes('c', one), takes('d')]))).toEqual([
        'ok',
        'ok',
        'slots',
        'ok',
      ]);
      expect(await store.slotsUsed('t', 'default', 'k')).toBe(2);
      expect(await store.runRow({ tenant: 't', run: 'c' })).toBeUndefined();
      expect(reasons(await commit([takes('c', take('free', 1, 1), one)]))).toEqual(['slots']);
      expect(await store.slotsUsed('t', 'default', 'free')).toBe(0);
      expect(reasons(await commit([append('a', { slots: [take('k', -1), one] })]))).toEqual(['ok']);
      expect(reasons(await commit([append('a', { slots: [take('k', -1)] }), takes('c', one)]))).toEqual(['ok', 'ok']);
      expect(await store.slotsUsed('t', 'default', 'k')).toBe(2);
      expect(reasons(await commit([takes('e', take('k'))]))).toEqual(['ok']);
    });
  });

  describe('a rate', () => {
    const rated = (run: string, key = 'k'): Part =>
      newRun(run, { enqueue: [queued(run, { rate: { key, limit: 2, per: 100 } })] });

    test('[STO-94] lets so many start in its window, and drops a part that would be one more', async () => {
      const store = await open();
      const commit = committer(store);
      const starts = (run: string, at: number, key = 'k') => newRun(run, { starts: [start(key, at)] });
      expect(reasons(await commit([starts('a', T0), starts('b', T0 + 10), starts('c', T0 + 20)]))).toEqual([
        'ok',
        'ok',
        'slots',
      ]);
      expect(reasons(await commit([starts('c', T0 + 99), starts('d', T0 + 99, 'other')]))).toEqual(['slots', 'ok']);
      expect(reasons(await commit([starts('c', T0 + 100), starts('e', T0 + 100)]))).toEqual(['ok', 'slots']);
      const three = { starts: [start('new', T0), start('new', T0), start('new', T0)] };
      expect(reasons(await commit([newRun('f', three)]))).toEqual(['slots']);
    });

    test('[STO-95] holds queue rows back until its window has moved on, and tells when that is', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([rated('a'), rated('b'), rated('c'), rated('d', 'other')]);
      expect(await claim(store)).toEqual(['a', 'b', 'd']);
      await commit([append('a', { starts: [start('k', T0)], dequeueAll: true })]);
      expect(await claim(store, T0 + 10)).toEqual(['b', 'd']);
      await commit([append('b', { starts: [start('k', T0 + 10)], dequeueAll: true })], T0 + 10);
      expect(await claim(store, T0 + 99)).toEqual(['d']);
      expect(await store.nextClaimable(T0 + 20)).toBe(T0 + 100);
      expect(await claim(store, T0 + 100)).toEqual(['c', 'd']);
      await commit([append('c', { dequeueAll: true })]);
      expect(await store.nextClaimable(T0 + 20)).toBeUndefined();
    });
  });
}
