import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@millrace/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PostgresProcess } from '../packages/server/src/bus/postgres.rig.ts';
import { RedisProcess } from '../packages/server/src/bus/redis.rig.ts';
import { freePort, Process } from './process.ts';

const patience = { timeout: 30_000, interval: 50 };
const folder = mkdtempSync(join(tmpdir(), 'millrace-balancer-'));
const secret = 'servers of one cluster share it';
const closers: (() => unknown)[] = [];
let servers: Process[] = [];
let restart: () => Process;
let balancer: ChildProcess;
let url: string;
let token: string;

/** What deploy/compose.yaml starts, without containers: two servers, Postgres, Redis, and its balancer's configuration. */
beforeAll(async () => {
  const [postgres, redis] = await Promise.all([PostgresProcess.start(), RedisProcess.start()]);
  closers.push(
    () => postgres.remove(),
    () => redis.remove(),
  );
  const [one, two, front] = [await freePort(), await freePort(), await freePort()];
  const start = (port: number) =>
    new Process('packages/server/src/main.ts', ['start'], {
      ...{ DATABASE_URL: postgres.url(), REDIS_URL: redis.url, MILLRACE_JWT_SECRET: secret, PORT: String(port) },
      ...{ MILLRACE_DATA: folder, MILLRACE_PROXIES: '127.0.0.1', MILLRACE_DRAIN_MS: '3000' },
    });
  servers = [start(one), start(two)];
  closers.push(() => Promise.all(servers.map((server) => server.kill())));
  for (const server of servers) [, token = ''] = await server.printed(/\?token=(\S+)/);
  url = `http://127.0.0.1:${front}`;
  restart = () => start(one);
  balancer = spawn('haproxy', ['-f', join(import.meta.dirname, '../deploy/balancer/haproxy.cfg')], {
    env: {
      // Where Debian has it, for users that are not root too.
      ...{ PATH: `${process.env.PATH}:/usr/sbin`, BIND: `127.0.0.1:${front}` },
      ...{ SERVER_1: `127.0.0.1:${one}`, SERVER_2: `127.0.0.1:${two}` },
    },
    stdio: 'ignore',
  });
  await new Promise<void>((resolve, reject) => {
    balancer.once('spawn', resolve);
    balancer.once('error', (error) => reject(new Error('This test needs haproxy.', { cause: error })));
  });
  closers.push(() => balancer.kill('SIGKILL'));
  await vi.waitFor(async () => expect((await fetch(`${url}/api/health/ready`)).status).toBe(200), patience);
}, 60_000);
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url + path, {
    method,
    headers: {
      ...{ authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** A producer that sends again what it has no answer to, as a worker does. */
async function append(run: string, sequence: number): Promise<void> {
  const event = { type: 'log', data: { level: 'info', message: `line ${sequence}` } };
  const producer = { 'producer-id': 'test', 'producer-term': '1', 'producer-sequence': String(sequence) };
  await vi.waitFor(async () => {
    const answer = await ask('POST', `/api/runs/${run}/events`, [event], producer);
    expect(answer.status).toBe(200);
  }, patience);
}

test('[CLU-60] behind the balancer both servers serve, without sticky sessions', async () => {
  const boots = new Set<string>();
  await vi.waitFor(async () => {
    boots.add((await (await ask('GET', '/api/health')).json()).server);
    expect(boots.size).toBe(2);
  }, patience);
});

test('[CLU-61] WebSocket, SSE and polling pass the balancer; a server is killed and one is drained, and each event comes once', async () => {
  const run: string = (await (await ask('POST', '/api/runs', { workflow: 'w', external: true })).json()).id;
  const transports = ['websocket', 'sse', 'polling'] as const;
  const readers = transports.map((transport) => {
    const client = createClient({ url, token, transports: [transport], policy: { pollEvery: 100, backoffMax: 1_000 } });
    const store = client.run(run);
    const seqs: number[] = [];
    store.onEvents((events) => seqs.push(...events.map(({ seq }) => seq)));
    store.subscribe(() => undefined);
    closers.push(() => client.disconnect());
    return { seqs, store };
  });
  const through = async (seq: number) => {
    await vi.waitFor(() => {
      for (const { store } of readers) expect(Number(store.getSnapshot().cursor?.split(':')[1])).toBe(seq);
    }, patience);
    for (const { seqs, store } of readers) {
      const since = store.getSnapshot().since ?? 0;
      expect(seqs).toEqual(Array.from({ length: seq - since }, (_, n) => since + 1 + n));
      expect(store.getSnapshot().continuity).not.toBe('gap');
    }
  };

  await vi.waitFor(() => {
    for (const { store } of readers) expect(store.getSnapshot().status).toBe('ready');
  }, patience);
  for (let n = 1; n <= 20; n += 1) await append(run, n);
  await through(22);

  await servers[0]?.kill('SIGKILL');
  for (let n = 21; n <= 40; n += 1) await append(run, n);
  await through(42);

  servers[0] = restart();
  await servers[0].printed(/is up/);
  servers[1]?.child.kill('SIGTERM');
  for (let n = 41; n <= 60; n += 1) await append(run, n);
  expect(await servers[1]?.exited).toBe(0);
  for (let n = 61; n <= 80; n += 1) await append(run, n);
  await through(82);
}, 120_000);
