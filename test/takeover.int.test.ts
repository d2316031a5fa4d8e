import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@millrace/protocol';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freePort, Process } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-takeover-'));
const started: Process[] = [];
const run = (...args: ConstructorParameters<typeof Process>) => {
  const made = new Process(...args);
  started.push(made);
  return made;
};

let url: string;
let token: string;
let env: Record<string, string>;

beforeAll(async () => {
  const port = String(await freePort());
  env = { PORT: port, MILLRACE_DATA: folder, MILLRACE_LOG: 'silent' };
  url = `http://127.0.0.1:${port}`;
  const server = run('packages/server/millrace.mjs', ['start'], env);
  await server.printed(/http:\/\/\S+:\d+/);
  const made = run('packages/server/millrace.mjs', ['token', '--user', 'test', '--role', 'admin'], env);
  token = (await made.printed(/^\S+\.\S+\.\S+$/m))[0];
});

afterAll(async () => {
  for (const one of started) await one.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function call<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const answer = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as T };
}

async function log(id: string): Promise<RunEvent[]> {
  return (await call<{ events: RunEvent[] }>('GET', `/api/runs/${id}/events?limit=1000`)).body.events;
}

const worker = () => run('examples/hello-job/src/worker.ts', [], { MILLRACE_URL: url, MILLRACE_TOKEN: token });

test('[E2E-3] a worker killed with -9 in mid-task is replaced within 10 s; finished steps are not run again; the dead one is refused', async () => {
  const workers = [worker(), worker()];
  await vi.waitFor(async () => {
    const { body } = await call<{ workers: unknown[] }>('GET', '/api/workers');
    expect(body.workers).toHaveLength(2);
  }, 20_000);
  const created = await call<{ id: string }>('POST', '/api/runs', {
    workflow: 'hello',
    input: { name: 'Ada', steps: 6, stepMs: 700 },
  });
  expect(created.status).toBe(201);
  const { id } = created.body;
  await vi.waitFor(
    async () => expect((await log(id)).filter((event) => event.type === 'step.completed')).toHaveLength(2),
    20_000,
  );
  const first = (await log(id)).find((event) => event.type === 'node.started');
  const holder = workers.find((one) => JSON.stringify(first).includes(`-${one.pid}-`)) as Process;
  expect(holder, "a worker's default id names its process").toBeDefined();
  const killedAt = performance.now();
  await holder.kill('SIGKILL');
  await vi.waitFor(
    async () => expect((await log(id)).filter((event) => event.type === 'node.started')).toHaveLength(2),
    15_000,
  );
  const tookOver = performance.now() - killedAt;
  expect(tookOver, `taken over after ${Math.round(tookOver)} ms`).toBeLessThan(10_000);

  const late = { node: first?.node, sequence: 99, events: [{ type: 'log', data: { level: 'info', message: 'late' } }] };
  const refused = await call<{ code: string }>('POST', `/api/runs/${id}/attempts/1/events`, late);
  expect(refused).toMatchObject({ status: 409, body: { code: 'stale_attempt' } });

  await vi.waitFor(
    async () => expect((await call('GET', `/api/runs/${id}`)).body).toMatchObject({ status: 'completed' }),
    20_000,
  );
  const events = await log(id);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  const completed = events.filter((event) => event.type === 'step.completed').map((event) => event.step);
  expect(new Set(completed).size).toBe(completed.length);
  expect(completed).toHaveLength(6);
  expect(events.some((event) => event.type === 'log' && event.data.message === 'late')).toBe(false);
}, 90_000);

test('[E2E-4] an append POST that is sent again writes nothing twice', async () => {
  const { body } = await call<{ id: string }>('POST', '/api/runs', { workflow: 'elsewhere', external: true });
  const append = (sequence: number) =>
    fetch(`${url}/api/runs/${body.id}/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...{ 'producer-id': 'p', 'producer-term': '1', 'producer-sequence': String(sequence) },
      },
      body: JSON.stringify([{ type: 'log', data: { level: 'info', message: `n ${sequence}` } }]),
    });
  const first = (await (await append(1)).json()) as { seq: number };
  expect(await (await append(1)).json()).toMatchObject({ seq: first.seq, repeated: true });
  expect((await append(3)).status).toBe(409);
  expect((await append(2)).status).toBeLessThan(300);
  expect((await log(body.id)).filter((event) => event.type === 'log')).toHaveLength(2);
});
