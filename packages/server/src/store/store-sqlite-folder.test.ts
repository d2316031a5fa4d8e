import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorCode } from '@millrace/protocol/error';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { newEpoch } from './epoch.ts';
import { append, committer, content, end, headOf, logOf, newRun, queued, reasons, T0 } from './store-samples.suite.ts';
import { openSqliteStore, type SqliteStore } from './store-sqlite.ts';
import type { SqliteOptions } from './store-sqlite-database.ts';

const clock = new SimulatedClock();
let folder: string;
let folders: string[];
let stores: SqliteStore[];

beforeEach(() => {
  folders = [];
  stores = [];
  folder = newFolder();
});

afterEach(async () => {
  for (const store of stores) await store.close();
  for (const path of folders) rmSync(path, { recursive: true });
});

function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-store-'));
  folders.push(path);
  return path;
}

function open(options: Partial<SqliteOptions> = {}): SqliteStore {
  const store = openSqliteStore({ folder, clock, ...options });
  stores.push(store);
  return store;
}

/** What a process leaves that was killed now: a copy of the folder, while the store is open. */
function killed(): string {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

const codeOf = (work: () => unknown): ErrorCode | undefined => {
  try {
    work();
  } catch (error) {
    return (error as { code: ErrorCode }).code;
  }
  return undefined;
};

const file = () => join(folder, 'millrace.db');

/** The folder's database and its journals, byte for byte. */
const contents = () =>
  readdirSync(folder)
    .filter((name) => name.startsWith('millrace.db'))
    .map((name) => [name, readFileSync(join(folder, name), 'base64')]);

async function filled(): Promise<void> {
  const store = open();
  const commit = committer(store);
  await commit([newRun('a', { enqueue: [queued('a')] }), newRun('b')]);
  for (let n = 0; n < 50; n++) await commit([append('a', { events: [content('x'.repeat(2_000))] })]);
  await commit([end('b')]);
  await store.close();
}

describe('a data folder', () => {
  test('[STO-60] keeps everything when it is closed and opened again', async () => {
    await filled();
    const store = open();
    expect(await headOf(store, 'a')).toBe(51);
    expect(await store.runRow({ tenant: 't', run: 'b' })).toMatchObject({ head: 2, ctl: 2, ended: true });
    expect(await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 })).toEqual([queued('a')]);
    expect(await store.commitsAfter('s1', 50, 10)).toHaveLength(2);
    expect(reasons(await committer(store, 's2')([append('a'), append('b')]))).toEqual(['ok', 'ended']);
    expect(store.capabilities).toEqual({ durable: true, shared: false });
  });

  test('[STO-61] is a WAL database that can give pages back', async () => {
    await filled();
    const db = new Database(file(), { readonly: true });
    expect(db.pragma('auto_vacuum', { simple: true })).toBe(2);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    db.close();
  });

  test('a start that was cut off while the database was made is started again', async () => {
    writeFileSync(`${file()}.new`, 'half');
    expect(await headOf(open(), 'a')).toBeUndefined();
    expect(readdirSync(folder)).not.toContain('millrace.db.new');
  });

  test('[STO-62] in use by one store is refused to another, naming the folder and the process', async () => {
    const first = open();
    expect(() => open()).toThrow(
      expect.objectContaining({ code: 'data_folder_in_use', facts: { folder, pid: process.pid } }),
    );
    expect(() => open()).toThrow(folder);
    await committer(first)([newRun('a')]);
    await first.close();
    expect(await headOf(open(), 'a')).toBe(1);
  });
});

describe('a database that cannot be used', () => {
  const pages = 4096;

  test.each<[string, ErrorCode, () => void]>([
    [
      '[STO-63] with a header of garbage',
      'database_corrupt',
      () => writeFileSync(file(), Buffer.alloc(5 * pages, 'garbage ')),
    ],
    ['[STO-63] that is empty', 'database_corrupt', () => truncateSync(file(), 0)],
    ['[STO-63] cut off between two pages', 'database_corrupt', () => truncateSync(file(), 4 * pages)],
    ['[STO-63] cut off within a page', 'database_corrupt', () => truncateSync(file(), 4 * pages + 99)],
    ['[STO-63] with garbage inside', 'database_corrupt', () => overwrite(2 * pages, Buffer.alloc(20 * pages, 0xa5))],
    ['[STO-63] of another program', 'database_corrupt', foreign],
    ['[STO-64] of a newer layout', 'database_too_new', () => setMeta('minReader', '99')],
  ])('%s is refused with %s, and nothing is touched', async (_what, code, damage) => {
    await filled();
    damage();
    const before = contents();
    expect(codeOf(open)).toBe(code);
    expect(codeOf(open)).toBe(code);
    expect(contents()).toEqual(before);
  });

  test('[STO-64] is refused with a journal beside it too, and the journal stays', async () => {
    const store = open();
    await committer(store)([newRun('a')]);
    setMeta('minReader', '99');
    const copy = killed();
    await store.close();
    folder = copy;
    const before = contents();
    expect(before.map(([name]) => name)).toContain('millrace.db-wal');
    expect(codeOf(open)).toBe('database_too_new');
    const withoutIndex = (all: typeof before) => all.filter(([name]) => name !== 'millrace.db-shm');
    expect(withoutIndex(contents())).toEqual(withoutIndex(before));
  });

  test('[STO-64] a newer version whose layout this one still reads is opened', async () => {
    await filled();
    setMeta('version', '99');
    expect(await headOf(open(), 'a')).toBe(51);
    await stores.at(-1)?.close();
    expect(getMeta('version')).toBe('99');
  });

  function overwrite(position: number, bytes: Buffer): void {
    const all = readFileSync(file());
    bytes.copy(all, position);
    writeFileSync(file(), all);
  }

  function foreign(): void {
    rmSync(file());
    const db = new Database(file());
    db.exec('CREATE TABLE notes (text TEXT)');
    db.close();
  }
});

function setMeta(key: string, value: string): void {
  const db = new Database(file());
  db.prepare('UPDATE meta SET value = ? WHERE key = ?').run(value, key);
  db.close();
}

function getMeta(key: string): unknown {
  const db = new Database(file(), { readonly: true });
  const value = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key);
  db.close();
  return value;
}

describe('a full disk', () => {
  test('[STO-65] refuses a batch with storage_full, writes nothing of it, and goes on when there is room', async () => {
    const store = open({ maxPages: 60 });
    const commit = committer(store);
    await commit([newRun('a'), newRun('b')]);
    const large = append('a', { events: [content('x'.repeat(400_000))] });
    const before = await logOf(store, 'a');
    await expect(commit([append('b'), large])).rejects.toMatchObject({ code: 'storage_full' });
    expect(await logOf(store, 'a')).toBe(before);
    expect(await headOf(store, 'b')).toBe(1);
    expect(reasons(await commit([append('b')]))).toEqual(['ok']);
    store.limitPages(1_000);
    expect((await commit([append('b'), large])).parts).toMatchObject([{ first: 3 }, { first: 2 }]);
  });
});

test('[STO-66] a closed store answers storage_unavailable', async () => {
  const store = open();
  await store.close();
  await store.close();
  await expect(store.runRow({ tenant: 't', run: 'a' })).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(committer(store)([newRun('a')])).rejects.toMatchObject({ code: 'storage_unavailable' });
});

describe('the epoch', () => {
  /** The epoch after the next start of a process, in this folder or in a copy of it. */
  async function restarted(options: Partial<SqliteOptions> = {}): Promise<string> {
    const store = open(options);
    await store.close();
    return store.epoch;
  }

  async function afterKill(options: Partial<SqliteOptions>, next: Partial<SqliteOptions> = {}) {
    const store = open(options);
    await committer(store)([newRun('a')]);
    const copy = killed();
    await store.close();
    const reopened = openSqliteStore({ folder: copy, clock, ...next });
    expect(await headOf(reopened, 'a')).toBe(1);
    await reopened.close();
    return [store.epoch, reopened.epoch] as const;
  }

  test('[STO-67] is made with the database and stays through clean restarts', async () => {
    const first = await restarted();
    expect(first).toMatch(/^[0-9a-z]{17}$/);
    expect(await restarted({ synchronous: 'NORMAL' })).toBe(first);
    expect(await restarted()).toBe(first);
  });

  test('[STO-67] stays after a crash where every acknowledged write was safe (FULL)', async () => {
    const [before, after] = await afterKill({ synchronous: 'FULL' }, { synchronous: 'NORMAL' });
    expect(after).toBe(before);
  });

  test('[STO-68] is renewed after a crash where one may be lost (NORMAL), and sorts after the old one', async () => {
    const [before, after] = await afterKill({ synchronous: 'NORMAL' }, { synchronous: 'FULL' });
    expect(after > before).toBe(true);
  });

  test('[STO-68] is renewed once where a file named restored is put beside the database', async () => {
    const before = await restarted();
    writeFileSync(join(folder, 'restored'), '');
    const after = await restarted();
    expect(after > before).toBe(true);
    expect(await restarted()).toBe(after);
  });

  test('[STO-68] sorts after the old one even where the clock went back, and differs at the same time', () => {
    const random = (byte: number) => () => new Uint8Array(4).fill(byte);
    const first = newEpoch(T0, undefined, random(9));
    expect(newEpoch(T0 - 1_000_000, first, random(1)) > first).toBe(true);
    expect(newEpoch(T0, undefined, random(8))).not.toBe(first);
    expect(newEpoch(3_000_000_000_000, first, random(1)) > first).toBe(true);
  });
});
