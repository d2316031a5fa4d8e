import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publishJobChunk, publishJobComplete, publishJobProgress } from '@millrace/worker/publish';
import { createClient } from 'redis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const patience = { timeout: 20_000, interval: 50 };
const root = fileURLToPath(new URL('../../../', import.meta.url));
const here = fileURLToPath(new URL('./', import.meta.url));
const children: ChildProcess[] = [];
let data: string;

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'millrace-jobs-'));
});
afterEach(async () => {
  for (const child of children.splice(0).reverse()) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  rmSync(data, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Resolves with what a process printed, once it has printed that. */
function start(command: string, args: string[], env: object, pattern: RegExp): Promise<RegExpExecArray> {
  const child = spawn(command, args, { cwd: root, env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' });
  children.push(child);
  return new Promise((resolve, reject) => {
    let output = '';
    const look = (chunk: Buffer) => {
      output += chunk.toString();
      const match = pattern.exec(output);
      if (match) resolve(match);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('error', reject).once('exit', () => reject(new Error(`${command} ended:\n${output}`)));
  });
}

const node = ['--import', 'millrace/source.mjs'];
/** What `npm run dev:server` starts, on a port of its own beside the text's. */
async function startServer(env: object = {}): Promise<{ token: string; port: number }> {
  const port = await freePort();
  const settings = { PORT: '0', SOCKET_PORT: String(port), MILLRACE_DATA: data, NO_COLOR: '1', ...env };
  const main = [...node, 'packages/server/src/main.ts', 'start'];
  const [, token = ''] = await start(process.execPath, main, settings, /\?token=(\S+)/);
  return { token, port };
}
const startWorker = (port: number, token: string) =>
  start(
    process.execPath,
    [...node, join(here, 'worker.ts')],
    { MILLRACE_URL: `http://localhost:${port}`, MILLRACE_TOKEN: token },
    /takes work/,
  );

interface Job {
  jobId: string;
  state: string;
  progress: number;
  currentStep?: string;
  result?: unknown;
  code?: string;
}

const curl = (...args: string[]): Job => {
  const { status, stdout, stderr } = spawnSync('curl', ['-sS', ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
};
/** The text's own words, but for the port. */
const createJob = (port: number, body = '{"type": "search", "query": "AI agents"}') =>
  curl('-X', 'POST', `http://localhost:${port}/api/jobs`, '-H', 'Content-Type: application/json', '-d', body);

test('[DIA-82] the manual test flow: curl creates a search, which shows progress and steps, streams and completes', async () => {
  const { port, token } = await startServer();
  await startWorker(port, token);
  const { jobId } = createJob(port);
  const job = () => curl(`http://localhost:${port}/api/jobs/${jobId}`);
  const seen = new Set<string | undefined>();
  await vi.waitFor(() => {
    const { state, currentStep } = job();
    seen.add(currentStep);
    expect(state).toBe('completed');
  }, patience);
  expect([...seen]).toEqual(expect.arrayContaining(['Ranking', 'Answering']));
  const answer = 'The best match for "AI agents" is "AI agents that plan"; 2 more may be of use.';
  expect(job()).toMatchObject({ progress: 100, result: { query: 'AI agents', answer } });

  const log = await fetch(`http://localhost:${port}/api/runs/${jobId}/events?token=${token}`);
  const { events } = (await log.json()) as { events: { type: string; data: { text?: string; name?: string } }[] };
  const of = (type: string) => events.filter((event) => event.type === type);
  expect(of('step.completed').map(({ data: { name } }) => name)).toEqual(['find', 'answer']);
  expect(of('agent.token').length).toBeGreaterThan(3);
  expect(
    of('agent.token')
      .map(({ data: { text } }) => text)
      .join(''),
  ).toBe(answer);
  expect(of('checkpoint.saved')).toHaveLength(2);
});

test('[DIA-82] pause, resume and cancel by curl: it goes on from its checkpoint, and ends when it is told to', async () => {
  const { port, token } = await startServer();
  await startWorker(port, token);
  const { jobId } = createJob(port, '{"type": "search", "query": "agents", "partMs": 700}');
  const url = `http://localhost:${port}/api/jobs/${jobId}`;
  await vi.waitFor(() => expect(curl(`${url}/checkpoint`)).toMatchObject({ key: 'ranked' }), patience);
  expect(curl('-X', 'POST', `${url}/pause`).state).toBe('paused');
  expect(curl('-X', 'POST', `${url}/pause`).code).toBe('invalid_transition');
  expect(curl('-X', 'POST', `${url}/resume`).state).toBe('running');
  await vi.waitFor(() => expect(curl(url).currentStep).toBe('Answering'), patience);
  curl('-X', 'PATCH', `${url}/cancel`);
  await vi.waitFor(() => expect(curl(url).state).toBe('cancelled'), patience);

  const log = await fetch(`http://localhost:${port}/api/runs/${jobId}/events?token=${token}`);
  const { events } = (await log.json()) as { events: { type: string; data: { name?: string } }[] };
  expect(events.filter(({ type, data: { name } }) => type === 'step.completed' && name === 'find')).toHaveLength(1);
  // The three titles that match are ranked in two batches, neither of them twice.
  expect(events.filter(({ type }) => type === 'checkpoint.saved')).toHaveLength(2);
});

test('[DIA-82] with Redis, a job of a type that nobody has registered is executed by whoever publishes it', async () => {
  const redisPort = await freePort();
  await start('redis-server', ['--port', `${redisPort}`, '--save', '', '--dir', data], {}, /Ready to accept/);
  const redisUrl = `redis://127.0.0.1:${redisPort}`;
  const { port, token } = await startServer({ REDIS_URL: redisUrl });
  const { jobId } = createJob(port);
  const url = `http://localhost:${port}/api/jobs/${jobId}`;
  expect(curl(url)).toMatchObject({ state: 'created', userId: 'local' });

  const redis = await createClient({ url: redisUrl }).connect();
  await publishJobProgress(redis, jobId, 'local', 'running', 'Searching', 45);
  await vi.waitFor(
    () => expect(curl(url)).toMatchObject({ state: 'running', progress: 45, currentStep: 'Searching' }),
    patience,
  );
  for (const word of ['Three ', 'hits.']) await publishJobChunk(redis, jobId, 'local', word);
  await publishJobComplete(redis, jobId, 'local', { hits: 3 }, 1_500);
  await vi.waitFor(() => expect(curl(url)).toMatchObject({ state: 'completed', result: { hits: 3 } }), patience);
  redis.destroy();
  expect(token).not.toBe('');
});
