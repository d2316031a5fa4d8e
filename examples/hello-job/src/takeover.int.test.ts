import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer, type Server } from 'millrace';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const entry = fileURLToPath(new URL('./worker.ts', import.meta.url));

describe('two worker processes of one server', () => {
  const workers: ChildProcess[] = [];
  let server: Server;
  let data: string;
  let headers: Record<string, string>;

  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'millrace-hello-'));
    server = await createServer({ env: {}, port: 0, data, logLevel: 'silent' });
    const token = await server.token({ sub: 'hello', roles: ['worker', 'operator'] });
    headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  });

  afterEach(async () => {
    for (const worker of workers.splice(0)) worker.kill('SIGKILL');
    await server.close();
    await rm(data, { recursive: true });
  });

  const startWorker = async () => {
    const token = await server.token({ sub: 'hello', roles: ['worker'] });
    const worker = spawn(process.execPath, ['--conditions=millrace:source', entry], {
      env: { ...process.env, MILLRACE_URL: server.url, MILLRACE_TOKEN: token },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    workers.push(worker);
    await new Promise<void>((resolve) =>
      worker.stdout?.on('data', (text) => String(text).includes('takes work') && resolve()),
    );
    return worker;
  };
  const call = async (path: string, body?: object) => {
    const post = body && { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${server.url}/api/${path}`, { headers, ...post });
    return { status: response.status, body: await response.json() };
  };
  const eventsOf = async (run: string, type: string) => {
    const { body } = await call(`runs/${run}/events?after=0&limit=1000`);
    return (
      body.events as { type: string; at: number; attempt?: number; data: { key?: string; output?: { pid: number } } }[]
    ).filter((event) => event.type === type);
  };

  test('[WRK-34] one is killed in mid-task: the other takes over within 10 s and repeats no finished step', async () => {
    const first = await startWorker();
    const { body } = await call('runs', { workflow: 'hello', input: { name: 'Ada', steps: 8, stepMs: 500 } });
    const run = body.id as string;
    const second = await startWorker();
    await expect
      .poll(async () => (await eventsOf(run, 'step.completed')).length, { timeout: 10_000 })
      .toBeGreaterThan(0);
    first.kill('SIGKILL');
    const killedAt = Date.now();
    await expect.poll(async () => (await eventsOf(run, 'node.started')).length, { timeout: 10_000 }).toBe(2);
    expect(Date.now() - killedAt).toBeLessThan(10_000);
    const late = {
      node: 'hello',
      sequence: 99,
      events: [{ type: 'log', node: 'hello', attempt: 1, data: { level: 'info', message: 'late' } }],
    };
    expect(await call(`runs/${run}/attempts/1/events`, late)).toMatchObject({
      status: 409,
      body: { code: 'stale_attempt' },
    });

    await expect.poll(async () => (await call(`runs/${run}`)).body.status, { timeout: 10_000 }).toBe('completed');
    const steps = await eventsOf(run, 'step.completed');
    expect(steps.map(({ data }) => data.key)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
    const ofFirst = steps.filter(({ attempt }) => attempt === 1).length;
    const pids = steps.map((_, n) => (n < ofFirst ? first.pid : second.pid));
    expect(steps.map(({ data }) => data.output?.pid)).toEqual(pids);
    expect(ofFirst).toBeLessThan(8);
    expect((await eventsOf(run, 'run.completed'))[0]?.data.output).toEqual({ greeting: 'Hello, Ada!' });
  });

  test('a worker that is asked to end hands its task back at once', async () => {
    const first = await startWorker();
    const { body } = await call('runs', { workflow: 'hello', input: { name: 'Ada', steps: 2, stepMs: 400 } });
    const run = body.id as string;
    await expect.poll(async () => (await eventsOf(run, 'step.started')).length, { timeout: 10_000 }).toBe(1);
    first.kill('SIGTERM');
    await new Promise((resolve) => first.once('exit', resolve));
    expect(first.exitCode).toBe(0);
    expect(await eventsOf(run, 'node.parked')).toMatchObject([{ attempt: 1, data: { reason: 'draining' } }]);
    await startWorker();
    await expect.poll(async () => (await call(`runs/${run}`)).body.status, { timeout: 10_000 }).toBe('completed');
  });
});
