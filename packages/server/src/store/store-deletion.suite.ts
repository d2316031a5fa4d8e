import { describe, expect, test } from 'vitest';
import { COMMITS_KEPT, type SilentQuery } from './store.ts';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import {
  append,
  committer,
  content,
  control,
  due,
  end,
  everything,
  headOf,
  lease,
  newRun,
  queued,
  reasons,
  row,
  T0,
  wait,
} from './store-samples.suite.ts';

/** What grows old: silent runs, deleted runs, and rows of commits. */
export function storeDeletionSuite(factory: StoreFactory): void {
  const open = fresh(factory);
  const key = { tenant: 't', run: 'r' };

  test('[STO-103] silent runs are found by state and last event, oldest first, of all tenants', async () => {
    const store = await open();
    const commit = committer(store);
    await commit([newRun('a'), newRun('b', { tenant: 'u' }), newRun('c'), newRun('d')]);
    await commit([newRun('e', { row: row('e', { shown: { external: true } }) })], T0 + 3);
    await commit([append('a')], T0 + 5);
    await commit([end('c')], T0 + 2);
    await commit([end('d')], T0 + 1);
    const silent = async (query: Partial<SilentQuery>) =>
      (await store.silentRuns({ status: ['running'], before: T0 + 9, limit: 9, ...query })).map(({ run }) => run);
    expect(await silent({})).toEqual(['b', 'e', 'a']);
    expect(await silent({ before: T0 + 4 })).toEqual(['b', 'e']);
    expect(await silent({ before: T0 - 1 })).toEqual([]);
    expect(await silent({ external: true })).toEqual(['e']);
    expect(await silent({ external: false, limit: 1 })).toEqual(['b']);
    expect(await silent({ status: ['completed'] })).toEqual(['d', 'c']);
    expect(await silent({ status: ['completed', 'running'], limit: 3 })).toEqual(['b', 'd', 'c']);
    expect(await silent({ status: [] })).toEqual([]);
    const [found] = await store.silentRuns({ status: ['completed'], before: T0 + 1, limit: 1 });
    expect(found).toEqual(await store.runRow({ tenant: 't', run: 'd' }));
  });

  describe('a deleted run', () => {
    /** Two runs with a row of every kind, `r` and its neighbour. */
    async function filled() {
      const store = await open();
      const commit = committer(store);
      const all = (run: string) =>
        newRun(run, {
          events: [control('run.created'), content()],
          row: row(run, { shown: { tags: ['x', 'y'], owner: 'ann' } }),
          producers: [{ id: 'p', term: 1, sequence: 1, was: null, last: 0 }],
          unique: { scope: 'create', key: run, hash: 'h' },
          enqueue: [queued(run)],
          lease: [lease(run)],
          due: [due(run, 'k')],
          waits: [wait(run, 'w')],
        });
      await commit([all('r'), all('s')]);
      for (const run of ['r', 's']) {
        await store.writeSnapshot({ tenant: 't', run }, 'view', { seq: 1, fold: 1, text: 'x' });
        const about = { hide: [], oneTime: true, by: 'user:ann', createdAt: T0, expires: T0 + 9 };
        await store.putGrant({ tenant: 't', id: `g-${run}`, run, access: 'act', ...about });
      }
      return { store, commit };
    }

    test('[STO-104] leaves nothing but the word that it was there', async () => {
      const { store } = await filled();
      expect(await store.wasDeleted(key)).toBe(false);
      expect(await store.deleteRun(key)).toBe(true);
      expect(await store.deleteRun(key)).toBe(false);
      expect(await store.wasDeleted(key)).toBe(true);
      expect(await store.wasDeleted({ tenant: 'u', run: 'r' })).toBe(false);
      expect(await store.runRow(key)).toBeUndefined();
      expect(await store.readLog(key, 0, everything)).toBeUndefined();
      expect(await store.readControl(key, 0, everything)).toBeUndefined();
      expect(await store.readSnapshot(key, 'view', 1)).toBeUndefined();
      expect(await store.producer(key, 'p')).toBeUndefined();
      expect(await store.unique('t', 'create', 'r')).toBeUndefined();
      expect(await store.grant('t', 'g-r')).toBeUndefined();
      for (const query of [{}, { tag: 'x' }, { owner: 'ann' }]) {
        const { rows, total } = await store.runRows({ tenant: 't', limit: 9, ...query });
        expect([rows.map(({ run }) => run), total]).toEqual([['s'], 1]);
      }
      const claimed = await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 });
      const [leases, dues] = [await store.leases({ limit: 9 }), await store.due(T0, 9)];
      const waits = await store.waits({ tenant: 't', limit: 9 });
      expect([claimed, leases, dues, waits].map((rows) => rows.map(({ run }) => run))).toEqual(Array(4).fill(['s']));
      expect((await store.commitsAfter('s1', 0, 9))[0]?.heads).toEqual([{ tenant: 't', run: 's', head: 2 }]);
      expect(await store.readSnapshot({ tenant: 't', run: 's' }, 'view', 1)).toBeDefined();
      expect(await store.producer({ tenant: 't', run: 's' }, 'p')).toBeDefined();
    });

    test('[STO-105] takes no event any more, and its id is never used again', async () => {
      const { store, commit } = await filled();
      await store.deleteRun({ tenant: 't', run: 's' });
      expect(reasons(await commit([append('s'), newRun('r2')]))).toEqual(['missing', 'ok']);
      expect(reasons(await commit([newRun('s'), newRun('s', { tenant: 'u' })]))).toEqual(['exists', 'ok']);
      expect((await store.commitsAfter('s1', 0, 1))[0]?.heads).toEqual([{ tenant: 't', run: 'r', head: 2 }]);
      expect(await headOf(store, 'r2')).toBe(1);
    });

    test('[STO-106] is left alone under a hold', async () => {
      const { store } = await filled();
      expect(await store.hold(key, true)).toBe(true);
      expect(await store.deleteRun(key)).toBe(false);
      expect([await headOf(store, 'r'), await store.wasDeleted(key)]).toEqual([2, false]);
      expect(await store.hold(key, false)).toBe(true);
      expect(await store.deleteRun(key)).toBe(true);
      expect(await store.hold(key, true)).toBe(false);
    });

    test('[STO-104] is gone whole, however long it was, while others are written', async () => {
      const { store, commit } = await filled();
      const events = Array.from({ length: 12_000 }, () => content());
      await commit([append('r', { events })]);
      const deleted = store.deleteRun(key);
      expect(reasons(await commit([append('s')]))).toEqual(['ok']);
      expect(await deleted).toBe(true);
      await store.reclaim?.();
      expect(await store.readLog(key, 0, everything)).toBeUndefined();
      expect(await headOf(store, 's')).toBe(3);
    });
  });

  test(`[STO-10] a server's newest ${COMMITS_KEPT} commits are kept and answered again, older ones go`, async () => {
    const store = await open();
    const server = 'boot';
    await store.commit({ server, n: 1, at: T0, parts: [newRun('r')] });
    const last = COMMITS_KEPT + 1_000;
    for (let n = 2; n <= last; n++) await store.commit({ server, n, at: T0, parts: n === 1_001 ? [append('r')] : [] });
    const oldest = { server, n: 1_001, at: T0 + 9, parts: [append('r')] };
    expect((await store.commit(oldest)).parts).toEqual([{ ok: true, first: 2, at: T0 }]);
    expect(await headOf(store, 'r')).toBe(2);
    const kept = await store.commitsAfter(server, 0, last);
    expect(kept.length).toBeGreaterThanOrEqual(COMMITS_KEPT);
    expect(kept.length).toBeLessThan(last);
    expect(kept.at(-1)?.n).toBe(last);
  });
}
