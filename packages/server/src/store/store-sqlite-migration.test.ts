import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { sqlite0001 } from './migrations/sqlite-0001.ts';
import {
  append,
  committer,
  content,
  due,
  end,
  everything,
  headOf,
  lease,
  newRun,
  queued,
  reasons,
  summary,
  T0,
} from './store-samples.suite.ts';
import { openSqliteStore, type SqliteStore } from './store-sqlite.ts';

let folder: string;
let store: SqliteStore | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-migration-'));
});

afterEach(async () => {
  await store?.close();
  store = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function open(): SqliteStore {
  store = openSqliteStore({ folder, clock: new SimulatedClock() });
  return store;
}

const file = () => join(folder, 'millrace.db');
const { text } = content('old');
const stored = `{"seq":1,"at":${T0},${text}`;

/** A database as the first layout's program left it: a running run `a` with work, and one that has ended. */
function first(): void {
  const db = new Database(file());
  db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
  db.exec(sqlite0001);
  const meta = { version: '1', minReader: '1', clean: '1', synchronous: 'FULL', epoch: '0k3v9x2aa00000000' };
  for (const [key, value] of Object.entries(meta)) db.prepare('INSERT INTO meta VALUES (?, ?)').run(key, value);
  const insert = (table: string, row: Record<string, unknown>) => {
    const names = Object.keys(row);
    db.prepare(`INSERT INTO ${table} (${names}) VALUES (${names.map((name) => `@${name}`)})`).run(row);
  };
  for (const [id, run, status] of [
    [1, 'a', 'running'],
    [2, 'b', 'completed'],
  ] as const) {
    const shown = JSON.stringify(summary(run, { status, tags: ['x'] }));
    insert('runs', { id, tenant: 't', run, owner: null, workflow: 'w', status, shown: status, summary: shown });
    insert('run_tags', { tenant: 't', tag: 'x', run: id });
    insert('heads', { run: id, head: 1, ctl: 1, at: T0, ended: status === 'completed' ? 1 : 0 });
    insert('events', { run: id, seq: 1, control: 1, text: stored });
  }
  insert('snapshots', { run: 1, kind: 'view', seq: 1, fold: 1, text: 'view' });
  insert('commits', { server: 's0', n: 1, at: T0, parts: JSON.stringify([[1, 1, 1, T0], 'conflict']) });
  insert('producers', { run: 1, id: 'p', term: 1, sequence: 2, seq: 1 });
  insert('uniques', { tenant: 't', scope: 's', key: 'k', run: 'a', hash: 'h' });
  const waiting = { tenant: 't', run: 1, task: 'work', version: null, queue: 'default', at: T0 };
  insert('queue', { ...waiting, node: 'n', priority: 0, delayed: 0 });
  insert('queue', { ...waiting, node: 'm', priority: 3, at: T0 + 50, delayed: 1 });
  insert('leases', { run: 1, node: 'n', attempt: 1, worker: 'w1', boot: '', expires: T0 + 6_000 });
  insert('due', { ...due('a', 'k') });
  insert('slots', { tenant: 't', queue: 'q', key: 'k', used: 2 });
  insert('definitions', { tenant: 't', name: 'w', hash: 'h', at: T0, text: '{}' });
  insert('blobs', { id: 1, tenant: 't', sha256: 'ab', bytes: 2, type: 'text/plain' });
  insert('blob_chunks', { blob: 1, n: 0, data: Buffer.from('hi') });
  db.close();
}

function meta(key: string): unknown {
  const db = new Database(file(), { readonly: true });
  const value = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key);
  db.close();
  return value;
}

describe('a database of the first layout', () => {
  test('[STO-107] is migrated at the start and keeps everything', async () => {
    first();
    const migrated = open();
    const key = { tenant: 't', run: 'a' };
    expect(migrated.epoch).toBe('0k3v9x2aa00000000');
    expect(await migrated.readLog(key, 0, everything)).toMatchObject({ head: 1, ctl: 1, at: T0, text: stored });
    const listed = await migrated.runRows({ tenant: 't', tag: 'x', limit: 9 });
    expect(listed.rows.map(({ run, status, ended }) => [run, status, ended])).toEqual([
      ['b', 'completed', true],
      ['a', 'running', false],
    ]);
    expect(await migrated.readSnapshot(key, 'view', 1)).toMatchObject({ text: 'view' });
    expect(await migrated.commitsAfter('s0', 0, 9)).toMatchObject([{ n: 1, heads: [{ run: 'a', head: 1 }] }]);
    expect(await migrated.producer(key, 'p')).toEqual({ term: 1, sequence: 2, seq: 1 });
    expect(await migrated.unique('t', 's', 'k')).toEqual({ run: 'a', hash: 'h' });
    const claim = { tenant: 't', tasks: [{ name: 'work' }], limit: 9 };
    const late = queued('a', { node: 'm', priority: 3, at: T0 + 50 });
    expect(await migrated.claimable({ ...claim, now: T0 })).toEqual([queued('a')]);
    expect(await migrated.claimable({ ...claim, now: T0 + 50 })).toEqual([late, queued('a')]);
    expect(await migrated.leases({ limit: 9 })).toEqual([lease('a')]);
    expect(await migrated.due(T0, 9)).toEqual([due('a', 'k')]);
    expect(await migrated.slotsUsed('t', 'q', 'k')).toBe(2);
    expect(await migrated.definition('t', 'w')).toMatchObject({ hash: 'h' });
    expect(Buffer.from((await migrated.getBlob('t', 'ab'))?.data ?? []).toString()).toBe('hi');
  });

  test('[STO-107] knows what its old runs are silent about, and goes on', async () => {
    first();
    const migrated = open();
    const silent = (before: number) =>
      migrated.silentRuns({ status: ['running', 'completed'], before, limit: 9 }).then((rows) => rows.length);
    expect([await silent(T0 - 1), await silent(T0)]).toEqual([0, 2]);
    expect(await migrated.wasDeleted({ tenant: 't', run: 'a' })).toBe(false);
    expect(await migrated.deleteRun({ tenant: 't', run: 'b' })).toBe(true);
    expect(reasons(await committer(migrated)([append('a'), newRun('c')]))).toEqual(['ok', 'ok']);
    await migrated.close();
    expect([meta('version'), meta('minReader')]).toEqual(['3', '3']);
    const again = open();
    expect([await headOf(again, 'a'), await headOf(again, 'b'), await headOf(again, 'c')]).toEqual([2, undefined, 1]);
  });
});

describe('the room of deleted runs', () => {
  test('[STO-108] is given back to the disk', async () => {
    const full = open();
    const commit = committer(full);
    await commit([newRun('a'), newRun('b')]);
    for (let n = 0; n < 20; n++) {
      await commit([append('a', { events: Array.from({ length: 600 }, () => content('x'.repeat(1_000))) })]);
    }
    await commit([end('a')]);
    await full.reclaim();
    const before = statSync(file()).size;
    expect(await full.deleteRun({ tenant: 't', run: 'a' })).toBe(true);
    const free = full.vacuum(10);
    expect(full.vacuum(10)).toBe(free - 10);
    await full.reclaim();
    expect(statSync(file()).size).toBeLessThan(before / 20);
    expect(full.vacuum(10)).toBe(0);
    expect(await headOf(full, 'b')).toBe(1);
  });

  test('[STO-109] a deletion that was cut off is finished by the next reclaim', async () => {
    const first = open();
    const commit = committer(first);
    await commit([newRun('a', { events: Array.from({ length: 11_000 }, () => content()) }), newRun('b')]);
    const cutOff = first.deleteRun({ tenant: 't', run: 'a' });
    await first.close();
    await expect(cutOff).rejects.toMatchObject({ code: 'storage_unavailable' });
    const next = open();
    expect(await next.wasDeleted({ tenant: 't', run: 'a' })).toBe(true);
    await next.reclaim();
    await next.close();
    const db = new Database(file(), { readonly: true });
    expect(db.prepare('SELECT count(*) FROM chunks').pluck().get()).toBe(1);
    db.close();
  });

  test('[STO-105] the number of a deleted run is not given to another one, also after a restart', async () => {
    const first = open();
    const commit = committer(first);
    await commit([newRun('a'), newRun('b')]);
    await first.deleteRun({ tenant: 't', run: 'b' });
    await first.close();
    const next = open();
    await committer(next, 's2')([newRun('c')]);
    expect((await next.commitsAfter('s1', 0, 9))[0]?.heads).toEqual([{ tenant: 't', run: 'a', head: 1 }]);
  });
});

test('[STO-10] the rows of earlier boots go after a day', async () => {
  const kept = open();
  await committer(kept, 'old')([newRun('a')]);
  const commit = committer(kept, 'new');
  for (let n = 0; n < 500; n++) await commit([], T0 + 23 * 3_600_000);
  expect(await kept.commitsAfter('old', 0, 9)).toHaveLength(1);
  for (let n = 0; n < 500; n++) await commit([], T0 + 25 * 3_600_000);
  expect(await kept.commitsAfter('old', 0, 9)).toEqual([]);
  expect(await kept.commitsAfter('new', 0, 2_000)).toHaveLength(1_000);
});
