import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { SimulatedClock } from '../clock.ts';
import { ada, done, failed, mill, Rig, start } from '../engine/engine.rig.ts';
import { PostgresDatabases, run as sql } from './postgres.rig.ts';
import type { Store } from './store.ts';
import { migrateStore } from './store-migration.ts';
import { batch, change, readAll, settle } from './store-model.suite.ts';
import { openPostgresStore } from './store-postgres.ts';
import { committer, content, control, everything, newRun, queued, T0 } from './store-samples.suite.ts';
import { openSqliteStore, type SqliteStore } from './store-sqlite.ts';

vi.setConfig({ testTimeout: 120_000 });

let postgres: PostgresProcess;
let databases: PostgresDatabases;
const stores: Store[] = [];
const folders: string[] = [];
beforeAll(async () => {
  postgres = await PostgresProcess.start();
  databases = new PostgresDatabases(postgres);
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
afterAll(() => postgres.remove());

const clock = new SimulatedClock();
const key = (run: string) => ({ tenant: 'default', run });

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-migration-'));
  folders.push(folder);
  return folder;
}

function sqlite(folder: string): SqliteStore {
  const store = openSqliteStore({ folder, clock });
  stores.push(store);
  return store;
}

async function opened(url: string): Promise<Store> {
  const store = await openPostgresStore({ url, clock, connections: 4 });
  stores.push(store);
  return store;
}

const migrate = (from: string, to: string) => migrateStore({ from, to, clock, tell: () => undefined });

test('[STO-140] whatever a data folder holds reads the same from the database that it was copied into', async () => {
  const world = fc.asyncProperty(fc.array(batch, { minLength: 4, maxLength: 12 }), async (batches) => {
    const folder = newFolder();
    const before = openSqliteStore({ folder, clock });
    const commit = committer(before);
    let now = T0;
    for (const { parts, wait, other } of batches) {
      now += wait;
      await commit(await Promise.all(parts.map((one) => settle(before, one))), now);
      if (other) await change(before, now, other);
    }
    const { commits: _commits, ...expected } = await readAll(before, now);
    await before.close();
    const url = await databases.ready();
    await migrate(folder, url);
    const after = await openPostgresStore({ url, clock, connections: 4 });
    try {
      expect(after.epoch).toBe(before.epoch);
      expect(await readAll(after, now)).toEqual({ commits: [], ...expected });
    } finally {
      await after.close();
      await databases.drop(url);
    }
  });
  await fc.assert(world, { seed: 20_261_121, numRuns: 12 });
});

test('[STO-141] compressed logs, files, odd names and old queue rows come along, in their order', async () => {
  const folder = newFolder();
  const before = sqlite(folder);
  const commit = committer(before);
  const odd = 'a\u0000b\uffffc';
  const texts = Array.from({ length: 3_000 }, (_, n) => content(`${n} \u0000 ${'long '.repeat(20)}`));
  await commit([
    newRun('long', {
      events: [control('run.created'), ...texts],
      producers: [{ id: odd, term: 1, sequence: 3, was: null, last: 0 }],
    }),
  ]);
  await commit([newRun(odd, { enqueue: [queued(odd), queued(odd, { node: 'm', at: T0 + 5_000 })] })]);
  await commit([newRun('next', { enqueue: [queued('next')], unique: { scope: 's', key: odd, hash: 'h' } })]);
  await before.writeSnapshot({ tenant: 't', run: 'long' }, 'control', { seq: 1, fold: 1, text: '{"x":1}' });
  const file = randomBytes(700_000);
  await before.putBlob('t', { sha256: 'ab', bytes: file.length, type: 'image/png' }, file);
  await before.reclaim();
  while (await before.compact());
  const log = await before.readLog({ tenant: 't', run: 'long' }, 0, everything);
  const queue = await before.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 });
  await before.close();

  const url = await databases.ready();
  expect(await migrate(folder, url)).toEqual({ runs: 3, events: 3_003 });
  const after = await opened(url);
  expect(await after.readLog({ tenant: 't', run: 'long' }, 0, everything)).toEqual(log);
  expect(await after.producer({ tenant: 't', run: 'long' }, odd)).toEqual({ term: 1, sequence: 3, seq: 1 });
  expect(await after.readSnapshot({ tenant: 't', run: 'long' }, 'control', 1)).toEqual({
    seq: 1,
    fold: 1,
    text: '{"x":1}',
  });
  expect(queue.map(({ run }) => run)).toEqual([odd, 'next']);
  expect(await after.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 })).toEqual(queue);
  expect(await after.unique('t', 's', odd)).toEqual({ run: 'next', hash: 'h' });
  const kept = await after.getBlob('t', 'ab');
  expect([kept?.type, kept?.bytes, file.equals(kept?.data ?? Buffer.alloc(0))]).toEqual(['image/png', 700_000, true]);

  // What is queued from now on comes after what was.
  const more = committer(after, 's2');
  await more([newRun('last', { enqueue: [queued('last')] })]);
  const order = await after.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0 + 1, limit: 9 });
  expect(order.map(({ run }) => run)).toEqual([odd, 'next', 'last']);
  expect((await after.runRows({ tenant: 't', limit: 2 })).rows.map(({ run }) => run)).toEqual(['last', 'next']);
});

test('[STO-142] an engine on the copied database goes on where the stopped one was', async () => {
  const folder = newFolder();
  const world = new Rig(sqlite(folder));
  world.scheduler.start();
  const flow = {
    name: 'flow',
    nodes: [
      { id: 'a', task: 't' },
      { id: 'b', task: 't', needs: ['a'] },
    ],
  };
  const asked = await start(world, flow);
  const [a] = await world.claim('w');
  await world.append(
    a!,
    { type: 'approval.requested', data: { approvalId: 'a:ok', title: 'Go on?' } },
    { type: 'node.waiting', data: { waits: ['a:ok'] } },
  );
  const later = await start(world, flow, { options: { delayUntil: world.clock.now() + 60_000 } });
  const retried = await start(world, {
    name: 'twice',
    nodes: [{ id: 'r', task: 't', retry: { attempts: 2, delay: 30_000 } }],
  });
  const [r] = await world.claim('w');
  await world.append(r!, failed('once'));
  const ended = await start(world, { name: 'one', nodes: [{ id: 'x', task: 't' }] });
  const [x] = await world.claim('w');
  await world.append(x!, done('output'));
  await world.scheduler.schedules.put(ada, { id: 's', workflow: 'one', every: 3_600_000, enabled: true });
  const { id: told } = await world.engine.create(ada, { workflow: 'x', external: true });
  const document = { kbId: 'docs', documentId: 'd1', fileName: 'd1.md' };
  await world.engine.append(mill, told, { events: [{ type: 'kb.started', data: { ...document, bytes: 9 } }] });
  const runs = [asked, later, retried, ended, told];
  const logs = await Promise.all(runs.map((run) => world.store.readLog(key(run), 0, everything)));
  await Promise.all([world.scheduler.stop(), world.engine.stop()]);
  await world.store.close();

  const url = await databases.ready();
  await migrate(folder, url);
  const store = await opened(url);
  expect(await Promise.all(runs.map((run) => store.readLog(key(run), 0, everything)))).toEqual(logs);
  expect(store.epoch).toBe(world.store.epoch);
  expect(await store.waits({ tenant: 'default', limit: 9 })).toMatchObject([{ run: asked, id: 'a:ok' }]);
  expect(await store.knowledgeBases('default', 9)).toMatchObject([{ kbId: 'docs', documents: { processing: 1 } }]);

  const next = new Rig(store, { clock: world.clock, boot: 'boot-2' });
  next.scheduler.start();
  try {
    expect(await next.scheduler.schedules.find('default', 's')).toMatchObject({ workflow: 'one', enabled: true });
    await next.worker('w', ['t']);
    await next.engine.command(ada, asked, { type: 'approve', approvalId: 'a:ok', decision: 'approved' });
    const open = new Set([asked, later, retried]);
    await vi.waitFor(
      async () => {
        next.clock.advance(5_000);
        for (const lease of await next.claim('w')) await next.append(lease, done());
        for (const run of open) if ((await store.runRow(key(run)))?.ended) open.delete(run);
        expect([...open]).toEqual([]);
      },
      { timeout: 30_000 },
    );
    expect((await next.control(asked)).status).toBe('completed');
    expect((await next.types(retried)).filter((type) => type === 'node.started r')).toHaveLength(2);
  } finally {
    await Promise.all([next.scheduler.stop(), next.engine.stop()]);
  }
});

test('[STO-143] a database that is in use, and a folder that is, are refused; nothing is changed', async () => {
  const folder = newFolder();
  const store = sqlite(folder);
  await committer(store)([newRun('r')]);
  const url = await databases.ready();
  await expect(migrate(folder, url)).rejects.toMatchObject({ code: 'data_folder_in_use' });
  await store.close();
  await migrate(folder, url);
  await expect(migrate(folder, url)).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringMatching(/test_\d+ is in use by Millrace already/),
  });
  await expect(migrate(newFolder(), url)).rejects.toMatchObject({ code: 'config_invalid' });
  expect((await opened(url)).epoch).toBe(store.epoch);
});

test('[STO-144] a copy that is cut off leaves the database empty, and a second one makes it whole', async () => {
  const folder = newFolder();
  const store = sqlite(folder);
  const commit = committer(store);
  const big = Array.from({ length: 4_000 }, (_, n) => content(`${n} ${'x'.repeat(500)}`));
  await commit([newRun('r', { events: [control('run.created'), ...big] })]);
  await store.close();
  const url = await databases.ready();
  const before = (await openPostgresStore({ url, clock })) as Store;
  stores.push(before);
  const cut = migrateStore({
    ...{ from: folder, to: url, clock },
    tell: () => {
      throw new Error('cut off');
    },
  });
  await expect(cut).rejects.toThrow('cut off');
  expect(await before.runRows({ tenant: 't', limit: 9 })).toEqual({ rows: [], total: 0 });
  expect(await sql(url, 'SELECT 1 FROM millrace.events')).toEqual([]);
  await migrate(folder, url);
  expect(await before.runRow({ tenant: 't', run: 'r' })).toMatchObject({ head: 4_001 });
  expect((await opened(url)).epoch).toBe(store.epoch);
});
