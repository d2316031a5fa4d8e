import { describe, expect, test } from 'vitest';
import type { RunRowQuery, Store } from './store.ts';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import {
  append,
  committer,
  control,
  due,
  end,
  everything,
  lease,
  newRun,
  queued,
  reasons,
  row,
  summary,
  T0,
} from './store-samples.suite.ts';

/** Rows of runs, tenants, definitions and blobs. */
export function storeListsSuite(factory: StoreFactory): void {
  const open = fresh(factory);

  describe('run rows', () => {
    async function listed() {
      const store = await open();
      const commit = committer(store);
      const about = [
        { owner: 'ann', tags: ['x', 'y'], workflow: 'w1' },
        { owner: 'bob', tags: ['y'], workflow: 'w1' },
        { owner: 'ann', tags: [], workflow: 'w2' },
        { tags: ['x', 'x'], workflow: 'w2' },
      ];
      for (const [place, shown] of about.entries()) {
        const run = `r${place + 1}`;
        await commit([newRun(run, { row: row(run, { shown, queue: place < 2 ? 'fast' : undefined }) })]);
      }
      await commit([end('r2')]);
      const list = async (query: Partial<RunRowQuery>) => {
        const { rows, total } = await store.runRows({ tenant: 't', limit: 100, ...query });
        return [...rows.map(({ run }) => run), total];
      };
      return { store, commit, list };
    }

    test('[STO-40] are listed newest first, page by page, with the number of all', async () => {
      const { list } = await listed();
      expect(await list({})).toEqual(['r4', 'r3', 'r2', 'r1', 4]);
      expect(await list({ limit: 2 })).toEqual(['r4', 'r3', 4]);
      expect(await list({ limit: 2, before: 'r3' })).toEqual(['r2', 'r1', 4]);
      expect(await list({ before: 'unknown' })).toEqual([4]);
    });

    test('[STO-41] are found by owner, workflow, tag, queue and public status, alone and together', async () => {
      const { list } = await listed();
      expect(await list({ owner: 'ann' })).toEqual(['r3', 'r1', 2]);
      expect(await list({ workflow: 'w2' })).toEqual(['r4', 'r3', 2]);
      expect(await list({ tag: 'x' })).toEqual(['r4', 'r1', 2]);
      expect(await list({ queue: 'fast' })).toEqual(['r2', 'r1', 2]);
      expect(await list({ status: ['completed'] })).toEqual(['r2', 1]);
      expect(await list({ status: ['created', 'completed'] })).toEqual(['r4', 'r3', 'r2', 'r1', 4]);
      expect(await list({ status: [] })).toEqual([0]);
      expect(await list({ owner: 'ann', workflow: 'w1', tag: 'y', queue: 'fast', status: ['created'] })).toEqual([
        'r1',
        1,
      ]);
      expect(await list({ owner: 'ann', before: 'r3' })).toEqual(['r1', 2]);
    });

    test('[STO-42] show the newest summary, with the head of the log as its seq', async () => {
      const { store, commit } = await listed();
      const shown = { status: 'paused' as const, workflow: 'w1', owner: 'ann', tags: ['x', 'y'], openWaits: 2 };
      await commit([append('r1', { events: [control()], row: row('r1', { status: 'paused', shown }) })]);
      await commit([append('r1', { fence: { ctl: 2 } })]);
      const expected = {
        ...{ tenant: 't', run: 'r1', head: 3, ctl: 2, at: T0, ended: false, status: 'paused' },
        summary: summary('r1', { ...shown, seq: 3 }),
      };
      expect(await store.runRow({ tenant: 't', run: 'r1' })).toEqual(expected);
      expect((await store.runRows({ tenant: 't', limit: 1, before: 'r2' })).rows).toEqual([expected]);
      expect(await store.runRow({ tenant: 't', run: 'r2' })).toMatchObject({ ended: true, status: 'completed' });
      expect(await store.runRow({ tenant: 't', run: 'none' })).toBeUndefined();
    });
  });

  test('[STO-161] a list of runs in every public status is newest first and whole, page by page', async () => {
    const store = await open();
    const commit = committer(store);
    const statuses = ['created', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
    const names = Array.from({ length: 60 }, (_, n) => `r${String(n).padStart(2, '0')}`);
    const statusOf = (n: number) => statuses[Math.floor(n / 7) % 6] as (typeof statuses)[number];
    const shown = (run: string, status: (typeof statuses)[number]) => row(run, { status, shown: { status } });
    for (const run of names) await commit([newRun(run, { row: shown(run, 'created') }), newRun(run, { tenant: 'u' })]);
    await commit(names.map((run, n) => append(run, { events: [control()], row: shown(run, statusOf(n)) })));
    const newest = names.toReversed();
    const pages = async (status?: string[]) => {
      const found: string[] = [];
      for (let before: string | undefined; ; before = found.at(-1)) {
        const page = { tenant: 't', limit: 7, ...(status && { status }), ...(before !== undefined && { before }) };
        const { rows, total } = await store.runRows(page);
        if (rows.length === 0) return { found, total };
        found.push(...rows.map(({ run }) => run));
      }
    };
    expect(await pages()).toEqual({ found: newest, total: 60 });
    for (const asked of [['running'], ['cancelled', 'created'], ['failed', 'failed', 'paused', 'completed']]) {
      const expected = newest.filter((run) => asked.includes(statusOf(names.indexOf(run))));
      expect(await pages(asked)).toEqual({ found: expected, total: expected.length });
    }
  });

  test('[STO-43] a run of another tenant is a run that does not exist', async () => {
    const store = await open();
    const commit = committer(store);
    const secret = {
      ...{
        enqueue: [queued('r')],
        lease: [lease('r')],
        due: [due('r', 'k')],
        slots: [{ queue: 'q', key: 'k', delta: 1 }],
      },
      producers: [{ id: 'p', term: 1, sequence: 1, was: null, last: 0 }],
    };
    await commit([newRun('r', { ...secret, row: row('r', { shown: { tags: ['x'], owner: 'ann' } }) })]);
    await store.writeSnapshot({ tenant: 't', run: 'r' }, 'view', { seq: 1, fold: 1, text: 'x' });
    const foreign = { tenant: 'u', run: 'r' };
    expect(reasons(await commit([append('r', { tenant: 'u' })]))).toEqual(['missing']);
    expect(await store.runRow(foreign)).toBeUndefined();
    expect(await store.readLog(foreign, 0, everything)).toBeUndefined();
    expect(await store.readControl(foreign, 0, everything)).toBeUndefined();
    expect(await store.readSnapshot(foreign, 'view', 1)).toBeUndefined();
    expect(await store.producer(foreign, 'p')).toBeUndefined();
    expect(await store.claimable({ tenant: 'u', tasks: [{ name: 'work' }], now: T0, limit: 9 })).toEqual([]);
    expect(await store.slotsUsed('u', 'q', 'k')).toBe(0);
    for (const query of [{}, { tag: 'x' }, { owner: 'ann' }]) {
      expect(await store.runRows({ tenant: 'u', limit: 9, ...query })).toEqual({ rows: [], total: 0 });
    }
    expect(
      reasons(await commit([newRun('r', { tenant: 'u', dequeueAll: true, undueAll: true, release: ['n'] })])),
    ).toEqual(['ok']);
    expect(await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 })).toHaveLength(1);
    expect(await store.leases({ limit: 9 })).toHaveLength(1);
    expect(await store.due(T0, 9)).toHaveLength(1);
  });

  test('[STO-44] names of tenants and runs never run into each other', async () => {
    const store = await open();
    const commit = committer(store);
    await commit([newRun('b/c', { tenant: 'a' }), newRun('c', { tenant: 'a/b', events: [control(), control()] })]);
    expect(await store.readLog({ tenant: 'a', run: 'b/c' }, 0, everything)).toMatchObject({ head: 1 });
    expect(await store.readLog({ tenant: 'a/b', run: 'c' }, 0, everything)).toMatchObject({ head: 2 });
  });

  test('[STO-45] a definition is found by name and hash; the newest is the one that was stored last', async () => {
    const store = await open();
    const stored = (name: string, hash: string, at: number) => ({ name, hash, at, text: `${name}@${hash}` });
    const put = (name: string, hash: string, at: number) => store.putDefinition('t', stored(name, hash, at));
    const newest = async (place: Store) => (await place.definition('t', 'b'))?.hash;
    await put('b', 'h1', T0);
    await put('b', 'h2', T0 + 1);
    await put('a', 'h3', T0);
    expect(await newest(store)).toBe('h2');
    expect(await store.definition('t', 'b', 'h1')).toEqual(stored('b', 'h1', T0));
    await put('b', 'h1', T0 + 2);
    expect(await newest(store)).toBe('h1');
    expect(await store.definitions('t')).toEqual([stored('a', 'h3', T0), stored('b', 'h1', T0 + 2)]);
    expect(await store.definition('t', 'b', 'none')).toBeUndefined();
    expect(await store.definition('u', 'b')).toBeUndefined();
    expect(await store.definitions('u')).toEqual([]);
  });

  test('[STO-46] a blob is stored once per tenant and read back byte for byte', async () => {
    const store = await open();
    const data = Uint8Array.from({ length: 600_000 }, (_, place) => (place * 31) % 251);
    const blob = { sha256: 'ab', bytes: data.length, type: 'image/png' };
    await store.putBlob('t', blob, data);
    await store.putBlob('t', { ...blob, type: 'text/plain' }, data);
    const found = await store.getBlob('t', 'ab');
    expect(found).toMatchObject(blob);
    expect(Buffer.compare(found?.data ?? Buffer.alloc(0), data)).toBe(0);
    await store.putBlob('t', { sha256: 'cd', bytes: 0, type: 'text/plain' }, new Uint8Array());
    expect((await store.getBlob('t', 'cd'))?.data).toHaveLength(0);
    expect(await store.getBlob('u', 'ab')).toBeUndefined();
    expect(await store.getBlob('t', 'ef')).toBeUndefined();
  });
}
