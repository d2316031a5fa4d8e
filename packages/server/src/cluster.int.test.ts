import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorker, task } from '@millrace/worker';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { PostgresProcess } from './bus/postgres.rig.ts';
import { RedisProcess } from './bus/redis.rig.ts';
import { createServer, type Server } from './server.ts';

const patience = { timeout: 20_000, interval: 20 };
const secret = 'servers of one cluster share it';

let postgres: PostgresProcess;
let redis: RedisProcess;
let databases = 0;
const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-'));
const servers: Server[] = [];
const followers: WebSocket[] = [];
beforeAll(async () => {
  [postgres, redis] = await Promise.all([PostgresProcess.start(), RedisProcess.start()]);
});
afterEach(async () => {
  for (const socket of followers.splice(0)) socket.terminate();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  await Promise.all([postgres.remove(), redis.remove()]);
  rmSync(folder, { recursive: true, force: true });
});

/** As many servers as asked for, on a database of their own. */
async function cluster(size: number, env: Record<string, string> = {}): Promise<Server[]> {
  databases += 1;
  const database = `cluster_${databases}`;
  await postgres.createDatabase(database);
  const one = () =>
    createServer({
      env: { DATABASE_URL: postgres.url({ database }), MILLRACE_JWT_SECRET: secret, ...env },
      ...{ port: 0, data: folder, logLevel: 'silent' },
    });
  const started = await Promise.all(Array.from({ length: size }, one));
  servers.push(...started);
  return started;
}

async function ask(server: Server, method: string, path: string, body?: unknown): Promise<Response> {
  const token = await server.token({ sub: 'root', roles: ['admin'] });
  return fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

const created = async (server: Server, body: unknown): Promise<string> =>
  ((await (await ask(server, 'POST', '/api/runs', body)).json()) as { id: string }).id;

const append = (server: Server, run: string, from: number, count = 1) =>
  ask(
    server,
    'POST',
    `/api/runs/${run}/events`,
    Array.from({ length: count }, (_, n) => ({ type: 'log', data: { level: 'info', message: `${from + n}` } })),
  );

/** Every seq that one connection was sent of a run, in order, before anybody has looked for repeats. */
async function follow(server: Server, run: string): Promise<number[]> {
  const token = await server.token({ sub: 'root', roles: ['admin'] });
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/live?token=${token}`, 'millrace.v1');
  followers.push(socket);
  const seqs: number[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: 1, run, after: '0' })));
    socket.on('message', (data) => {
      for (const frame of [JSON.parse(String(data))].flat()) {
        if (frame.type === 'ok') resolve();
        for (const { seq } of frame.events ?? []) seqs.push(seq);
      }
    });
  });
  return seqs;
}

/** `run.created`, and `run.started` before the first line */
const FIRST = 2;
const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);
const external = { workflow: 'outside', external: true };

describe.each([
  ['Postgres alone', () => ({})],
  ['Redis', () => ({ REDIS_URL: redis.url })],
] as const)('servers of one database, told by %s', (_name, env) => {
  test('[CLU-40] whoever follows on one server what is written on another gets each event once and in order', async () => {
    const [a, b] = (await cluster(2, env())) as [Server, Server];
    const run = await created(a, external);
    const [here, there] = [await follow(a, run), await follow(b, run)];
    for (let n = 0; n < 50; n += 1) expect((await append(n % 2 ? a : b, run, n)).status).toBe(200);
    await vi.waitFor(() => expect([here, there]).toEqual([upTo(FIRST + 50), upTo(FIRST + 50)]), patience);
  });

  test('[CLU-41] a worker of one server takes what was started on another, at once', async () => {
    const [a, b] = (await cluster(2, env())) as [Server, Server];
    const greet = task('greet', async (_ctx, input) => ({ greeted: input }));
    const worker = createWorker({ link: b.localLink(), tasks: [greet] });
    await worker.start();
    const run = await created(a, { workflow: 'greet', nodes: [{ id: 'greet', task: 'greet' }], input: 'you' });
    const seqs = await follow(a, run);
    // run.created, node.started, node.completed, run.completed. Unheard of, it would wait for the claim's 20 s to end.
    await vi.waitFor(() => expect(seqs).toEqual(upTo(4)), { timeout: 10_000 });
    expect(await (await ask(a, 'GET', `/api/runs/${run}`)).json()).toMatchObject({ status: 'completed' });
    await worker.stop();
  });
});

test('[CLU-42] ten servers may start at once on an empty database', async () => {
  const ten = await cluster(10);
  const epochs = await Promise.all(ten.map(async (one) => (await (await ask(one, 'GET', '/api/health')).json()).epoch));
  expect(new Set(epochs).size).toBe(1);
});

describe('when the database goes away', () => {
  test('[CLU-43] nothing is acknowledged, ready says why, and all goes on by itself when it is back', async () => {
    const [a, b] = (await cluster(2, { REDIS_URL: redis.url })) as [Server, Server];
    const run = await created(a, external);
    const seqs = await follow(b, run);
    expect((await append(a, run, 0)).status).toBe(200);
    await postgres.stop();
    try {
      const refused = await append(a, run, 100);
      expect([refused.status, (await refused.json()).code]).toEqual([503, 'storage_unavailable']);
      await vi.waitFor(async () => {
        const ready = await ask(b, 'GET', '/api/health/ready');
        const problem = await ready.json();
        expect([ready.status, problem.code]).toEqual([503, 'storage_unavailable']);
        expect(problem.detail).toContain(`127.0.0.1:${postgres.port}`);
        expect(problem.detail).toContain('Start Postgres');
      }, patience);
      expect((await ask(a, 'GET', '/api/health')).status).toBe(200);
    } finally {
      await postgres.start();
    }
    await vi.waitFor(async () => {
      for (const server of [a, b]) expect((await ask(server, 'GET', '/api/health/ready')).status).toBe(200);
    }, patience);
    expect((await append(a, run, 1)).status).toBe(200);
    await vi.waitFor(() => expect(seqs).toEqual(upTo(FIRST + 2)), patience);
  });
});

describe('when Redis goes away', () => {
  test('[CLU-44] followers on other servers get everything, from the commits; ready says what is amiss', async () => {
    const own = await RedisProcess.start();
    try {
      const [a, b] = (await cluster(2, { REDIS_URL: own.url })) as [Server, Server];
      const run = await created(a, external);
      const seqs = await follow(b, run);
      await append(a, run, 0);
      await vi.waitFor(() => expect(seqs).toEqual(upTo(FIRST + 1)), patience);
      await own.stop();
      await vi.waitFor(async () => {
        const ready = await ask(a, 'GET', '/api/health/ready');
        expect(ready.status).toBe(200);
        expect(await ready.json()).toEqual({ status: 'ready', warnings: [expect.stringContaining('REDIS_URL')] });
      }, patience);
      await append(a, run, 1, 20);
      await vi.waitFor(() => expect(seqs).toEqual(upTo(FIRST + 21)), patience);
      await own.start();
      await vi.waitFor(async () => {
        for (const server of [a, b])
          expect(await (await ask(server, 'GET', '/api/health/ready')).json()).toEqual({ status: 'ready' });
      }, patience);
      await append(a, run, 21);
      await vi.waitFor(() => expect(seqs).toEqual(upTo(FIRST + 22)), patience);
    } finally {
      await own.remove();
    }
  });
});
