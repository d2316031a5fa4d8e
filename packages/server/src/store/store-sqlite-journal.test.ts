import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import type { Part, Store } from './store.ts';
import { MemoryStore } from './store-memory.ts';
import { storeModelSuite } from './store-model.suite.ts';
import { append, committer, content, control, end, everything, logOf, newRun, T0 } from './store-samples.suite.ts';
import { openSqliteStore, type SqliteStore } from './store-sqlite.ts';

const clock = new SimulatedClock();
const folders: string[] = [];
const open: Store[] = [];

afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-journal-'));
  folders.push(folder);
  return folder;
}

/** A store whose process is killed after every `every`-th commit; another one goes on with what it left. */
function mortal(late: number, every: number): Store {
  let folder = newFolder();
  let living: Store = openSqliteStore({ folder, clock, late, synchronous: 'NORMAL' });
  let commits = 0;
  return new Proxy(living, {
    get(_target, name: keyof Store) {
      if (name !== 'commit') {
        const value = living[name];
        return typeof value === 'function' ? value.bind(living) : value;
      }
      return async (batch: Parameters<Store['commit']>[0]) => {
        const result = await living.commit(batch);
        commits += 1;
        if (commits % every !== 0) return result;
        const left = newFolder();
        cpSync(folder, left, { recursive: true });
        await living.close();
        rmSync(folder, { recursive: true });
        folder = left;
        living = openSqliteStore({ folder, clock, late, synchronous: 'NORMAL' });
        return result;
      };
    },
  });
}

const reference = () => new MemoryStore('0k3v9x2aa00000000');
storeModelSuite('the SQLite store, killed after every commit', reference, () => mortal(4_000_000, 1), 8);
storeModelSuite('the SQLite store, killed now and then, settling often', reference, () => mortal(0, 3), 8);
storeModelSuite('the SQLite store, killed now and then, settling at times', reference, () => mortal(3_000, 2), 8);

describe('a long log', () => {
  const key = { tenant: 't', run: 'a' };
  let n = 0;
  const some = (events: number, size: number): Part =>
    append('a', { events: Array.from({ length: events }, () => content(`${n++} ${'x'.repeat(size)}`)) });

  /** Every way a page can be cut, as one text each. */
  async function reads(store: Store) {
    const { head = 0 } = (await store.runRow(key)) ?? {};
    const pages = [];
    for (let after = 0; after < head; after += 97)
      pages.push(await store.readLog(key, after, { events: 50, bytes: 9_000 }));
    return { all: await logOf(store, 'a'), pages, control: await store.readControl(key, 0, everything) };
  }

  function filled(folder: string, late: number): SqliteStore {
    const store = openSqliteStore({ folder, clock, late, synchronous: 'NORMAL' });
    open.push(store);
    return store;
  }

  async function fill(store: Store): Promise<void> {
    n = 0;
    const commit = committer(store);
    await commit([newRun('a', { events: [control('run.created')] }), newRun('b')]);
    for (let i = 0; i < 60; i++) await commit([some(1 + (i % 40), 150)]);
    await commit([some(2_000, 400)]);
    await commit([append('a', { events: [control(), content('c'), control()] })]);
    const ctl = (await store.runRow(key))?.ctl ?? 0;
    for (let i = 0; i < 20; i++) await commit([{ ...some(30, 100), fence: { ctl } }]);
  }

  test.each([0, 50_000, 4_000_000])(
    '[STO-110] reads the same from the journal and from chunks (%i bytes late)',
    async (late) => {
      const model = reference();
      const store = filled(newFolder(), late);
      await fill(model);
      await fill(store);
      expect(await reads(store)).toEqual(await reads(model));
    },
  );

  test('[STO-111] is compressed where it is old, and every page stays what it was, byte for byte', async () => {
    const folder = newFolder();
    const store = filled(folder, 0);
    await fill(store);
    const before = await reads(store);
    while (await store.compact());
    const db = new Database(join(folder, 'millrace.db'), { readonly: true });
    const plain = db
      .prepare("SELECT coalesce(sum(length(text)), 0) FROM chunks WHERE run = 1 AND typeof(text) = 'text'")
      .pluck();
    const cold = db.prepare("SELECT count(*) FROM chunks WHERE run = 1 AND typeof(text) = 'blob'").pluck();
    expect(cold.get()).toBeGreaterThan(10);
    expect(plain.get()).toBeLessThan(65_536);
    expect(await reads(store)).toEqual(before);
    const ctl = (await store.runRow(key))?.ctl ?? 0;
    await committer(store, 's2')([end('a', { fence: { ctl } }), append('b')]);
    await committer(store, 's3')([append('b')]);
    while (await store.compact());
    expect(plain.get()).toBeLessThan(4_096);
    const after = await reads(store);
    expect(after.all?.startsWith(before.all ?? '-')).toBe(true);
    db.close();
  });

  test('[STO-112] of a run that is deleted while it is compressed goes away whole', async () => {
    const store = filled(newFolder(), 0);
    await fill(store);
    const compacted = store.compact();
    expect(await store.deleteRun(key)).toBe(true);
    await compacted;
    expect(await store.readLog(key, 0, everything)).toBeUndefined();
    await store.reclaim();
    expect(await logOf(store, 'b')).toContain('run.created');
  });

  test('[STO-113] keeps the journal short: a start reads no more than what is late, twice over', async () => {
    const folder = newFolder();
    const store = filled(folder, 100_000);
    await fill(store);
    const db = new Database(join(folder, 'millrace.db'), { readonly: true });
    const journal = db.prepare('SELECT sum(length(text)) FROM journal').pluck().get() as number;
    const log = (await logOf(store, 'a'))?.length ?? 0;
    db.close();
    expect(log).toBeGreaterThan(1_000_000);
    expect(journal).toBeLessThan(300_000);
  });
});

test('[STO-128] where there is no room to settle, a small batch is still written', async () => {
  const store = openSqliteStore({ folder: newFolder(), clock, late: 60_000, maxPages: 120 });
  open.push(store);
  const commit = committer(store);
  await commit([newRun('a')]);
  const outcomes: string[] = [];
  for (let i = 0; i < 80; i++) {
    await commit([append('a', { events: [content('x'.repeat(9_000))] })]).then(
      () => outcomes.push('ok'),
      (error: { code: string }) => outcomes.push(error.code),
    );
  }
  const written = outcomes.filter((outcome) => outcome === 'ok').length;
  expect(new Set(outcomes)).toEqual(new Set(['ok', 'storage_full']));
  expect((await store.readLog({ tenant: 't', run: 'a' }, 0, everything))?.head).toBe(1 + written);
  store.limitPages(10_000);
  expect((await commit([append('a')], T0 + 1)).parts).toEqual([{ ok: true, first: 2 + written, at: T0 + 1 }]);
});
