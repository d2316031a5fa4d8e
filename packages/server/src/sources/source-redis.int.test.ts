import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@millrace/protocol';
import {
  type JobTarget,
  publishJobChunk,
  publishJobComplete,
  publishJobFailed,
  publishJobProgress,
  publishJobStep,
} from '@millrace/worker/publish';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { RedisProcess } from '../bus/redis.rig.ts';
import { createServer, type Server, type ServerOptions } from '../server.ts';

const patience = { timeout: 20_000, interval: 20 };
const key = (run: string) => ({ tenant: 'default', run });
const ada = { tenant: 'default', by: 'user:ada' };

let redis: RedisProcess;
let folder: string;
const connect = () => createClient({ url: redis.url }).connect();
let client: Awaited<ReturnType<typeof connect>>;
const servers: Server[] = [];

beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-sources-'));
  client = await connect();
  await client.flushAll();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  client.destroy();
  await rm(folder, { recursive: true, force: true });
});

async function start(options: ServerOptions = {}): Promise<Server> {
  const settings = { env: {}, port: 0, data: folder, redisUrl: redis.url, logLevel: 'silent', ...options } as const;
  const server = await createServer(settings);
  servers.push(server);
  return server;
}

const createJob = async (server: Server) =>
  (await server.engine.create(ada, { workflow: 'search', external: true, input: { query: 'AI' } })).id;

async function logOf(server: Server, run: string): Promise<RunEvent[]> {
  const page = await server.store.readLog(key(run), 0, { events: 100_000, bytes: 64 * 1024 * 1024 });
  return JSON.parse(`[${page?.text ?? ''}]`) as RunEvent[];
}

const statusOf = async (server: Server, run: string) => (await server.engine.control(key(run)))?.control.status;
const ends = (server: Server, run: string, status: string) =>
  vi.waitFor(async () => expect(await statusOf(server, run)).toBe(status), patience);
const chunksOf = async (server: Server, run: string) =>
  (await logOf(server, run)).flatMap((event) => (event.type === 'agent.token' ? [event.data.text] : []));

/** ioredis has a method for raw commands with another name. */
const targets: Record<string, () => JobTarget> = {
  'node-redis': () => client,
  ioredis: () => ({ call: (command, ...args) => client.sendCommand([command, ...args]) }),
};

describe.each(Object.entries(targets))('[DIA-71] published over %s', (_name, targetOf) => {
  test('what a worker tells stands in the job’s log, in order and once', async () => {
    const server = await start();
    const jobId = await createJob(server);
    const target = targetOf();
    await publishJobProgress(target, jobId, 'ada', 'running', 'Searching', 45);
    await publishJobStep(target, jobId, 'ada', 'find', 'started');
    await publishJobStep(target, jobId, 'ada', 'find', 'completed', { output: 3 });
    for (const word of ['A', 'B', 'C']) await publishJobChunk(target, jobId, 'ada', word);
    await publishJobComplete(target, jobId, 'ada', { hits: 3 }, 1_234);
    await ends(server, jobId, 'completed');
    const log = await logOf(server, jobId);
    expect(log.map(({ type }) => type)).toEqual([
      ...['run.created', 'run.started', 'run.progress', 'node.started', 'step.started', 'step.completed'],
      ...['agent.token', 'agent.token', 'agent.token', 'node.completed', 'run.completed'],
    ]);
    expect(log.find(({ type }) => type === 'run.progress')?.data).toEqual({ progress: 45, message: 'Searching' });
    expect(log.at(-1)?.data).toEqual({ output: { hits: 3 }, duration: 1_234 });
  });
});

test('[DIA-71] an entry that a client sent twice, and one that was read and not finished, are written once', async () => {
  const first = await start();
  const jobId = await createJob(first);
  const twice: JobTarget = {
    sendCommand: async (args: string[]) => {
      if (args[0] === 'XADD') await client.sendCommand(args);
      return client.sendCommand(args);
    },
  };
  for (const word of ['A', 'B']) await publishJobChunk(twice, jobId, 'ada', word);
  await vi.waitFor(async () => expect(await chunksOf(first, jobId)).toEqual(['A', 'B']), patience);
  await first.close();
  // As if it had ended between writing and finishing: its entries are read again from the first.
  await client.sendCommand(['XGROUP', 'SETID', 'millrace:jobs', 'millrace', '0']);
  await publishJobChunk(twice, jobId, 'ada', 'C');
  const second = await start();
  await vi.waitFor(async () => expect((await chunksOf(second, jobId)).at(-1)).toBe('C'), patience);
  expect(await chunksOf(second, jobId)).toEqual(['A', 'B', 'C']);
});

test('[DIA-72] what is published while no server is up is read when one is back', async () => {
  const first = await start();
  const jobId = await createJob(first);
  await publishJobChunk(client, jobId, 'ada', '0');
  await vi.waitFor(async () => expect(await chunksOf(first, jobId)).toEqual(['0']), patience);
  await first.close();
  const words = Array.from({ length: 2_000 }, (_, n) => `${n + 1}`);
  await Promise.all(words.map((word) => publishJobChunk(client, jobId, 'ada', word)));
  await publishJobComplete(client, jobId, 'ada', null, 1);
  const second = await start();
  await ends(second, jobId, 'completed');
  expect(await chunksOf(second, jobId)).toEqual(['0', ...words]);
});

test('[DIA-72] Redis is away for a while: the server goes on and reads what comes when it is back', async () => {
  const own = await RedisProcess.start();
  const server = await start({ redisUrl: own.url });
  try {
    const jobId = await createJob(server);
    await own.stop();
    const ready = async () => (await fetch(`${server.url}/api/health/ready`)).json();
    const trouble = 'REDIS_URL: publishers of jobs are not read';
    await vi.waitFor(
      async () => expect(await ready()).toMatchObject({ warnings: [expect.stringContaining(trouble)] }),
      patience,
    );
    await own.start();
    const publisher = await createClient({ url: own.url }).connect();
    await publishJobComplete(publisher, jobId, 'ada', 'back', 1);
    await ends(server, jobId, 'completed');
    publisher.destroy();
  } finally {
    await server.close();
    await own.remove();
  }
});

describe('[DIA-73] what cannot be taken', () => {
  test.each<[string, (server: Server) => Promise<[message: object, code: string]>]>([
    ['an unknown job', async () => [{ jobId: 'nobody', type: 'job:chunk', chunk: 'x' }, 'run_not_found']],
    ['a malformed message', async () => [{ jobId: 'nobody', type: 'job:chunk' }, 'event_invalid']],
    [
      'a job of another user',
      async (server) => [{ jobId: await createJob(server), type: 'job:chunk', chunk: 'x', userId: 'bob' }, 'forbidden'],
    ],
    [
      'a state that the job cannot reach',
      async (server) => {
        const jobId = await createJob(server);
        await publishJobProgress(client, jobId, 'ada', 'running', 'Searching', 1);
        await ends(server, jobId, 'running');
        return [{ jobId, type: 'job:progress', state: 'created', step: '', progress: 1 }, 'invalid_transition'];
      },
    ],
    [
      'a job that our own workers execute',
      async (server) => {
        const { id: jobId } = await server.engine.create(ada, { workflow: 'x', nodes: [{ id: 'a', task: 't' }] });
        return [{ jobId, type: 'job:chunk', chunk: 'x' }, 'event_not_allowed'];
      },
    ],
  ])('%s is left out and counted, and all others go on', async (_name, make) => {
    const server = await start();
    const [message, code] = await make(server);
    const text = JSON.stringify({ userId: 'ada', ...message, producer: { id: 'p', sequence: 1 } });
    await client.xAdd('millrace:jobs', '*', { message: text });
    await client.xAdd('millrace:jobs', '*', { message: 'no JSON' });
    const jobId = await createJob(server);
    await publishJobComplete(client, jobId, 'ada', 'well', 1);
    await ends(server, jobId, 'completed');
    const token = await server.token({ sub: 'olga', roles: ['operator'] });
    const metrics = await (await fetch(`${server.url}/metrics?token=${token}`)).text();
    expect(metrics).toContain(`millrace_source_refused_total{source="redis",code="${code}"} 1`);
  });

  test('a publisher’s numbers go on behind messages that never came', async () => {
    const server = await start();
    const jobId = await createJob(server);
    const add = (sequence: number, chunk: string) => {
      const text = JSON.stringify({ type: 'job:chunk', jobId, userId: 'ada', chunk, producer: { id: 'p', sequence } });
      return client.xAdd('millrace:jobs', '*', { message: text });
    };
    for (const [sequence, chunk] of [
      [1, 'A'],
      [4, 'D'],
      [5, 'E'],
      [4, 'D'],
      [9, 'I'],
    ] as const)
      await add(sequence, chunk);
    await vi.waitFor(async () => expect(await chunksOf(server, jobId)).toEqual(['A', 'D', 'E', 'I']), patience);
  });
});

describe('[DIA-74] a job’s publisher is told on job:control:{jobId}', () => {
  async function listenTo(jobId: string): Promise<unknown[]> {
    const heard: unknown[] = [];
    const subscriber = await connect();
    await subscriber.subscribe(`job:control:${jobId}`, (text) => heard.push(JSON.parse(text)));
    closing.push(() => subscriber.destroy());
    return heard;
  }
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  test('of pause, resume and cancel', async () => {
    const server = await start();
    const jobId = await createJob(server);
    const heard = await listenTo(jobId);
    await publishJobProgress(client, jobId, 'ada', 'running', 'Searching', 1);
    await ends(server, jobId, 'running');
    for (const type of ['pause', 'resume', 'cancel'] as const) await server.engine.command(ada, jobId, { type });
    const actions = ['pause', 'resume', 'cancel'].map((action) => ({ jobId, action }));
    await vi.waitFor(() => expect(heard).toEqual(actions), patience);
  });

  test('and again when it goes on because it has not heard', async () => {
    const server = await start();
    const jobId = await createJob(server);
    await publishJobProgress(client, jobId, 'ada', 'running', 'Searching', 1);
    await ends(server, jobId, 'running');
    await server.engine.command(ada, jobId, { type: 'pause' });
    const heard = await listenTo(jobId);
    await publishJobProgress(client, jobId, 'ada', 'running', 'Searching', 2);
    await vi.waitFor(() => expect(heard.at(-1)).toEqual({ jobId, action: 'pause' }), patience);
    await server.engine.command(ada, jobId, { type: 'cancel' });
    await publishJobProgress(client, jobId, 'ada', 'running', 'Searching', 3);
    const cancels = () => heard.filter((control) => (control as { action: string }).action === 'cancel');
    await vi.waitFor(() => expect(cancels().length).toBeGreaterThan(1), patience);
    await publishJobProgress(client, jobId, 'ada', 'cancelled', '', 3);
    await ends(server, jobId, 'cancelled');
    await publishJobChunk(client, jobId, 'ada', 'late');
    await vi.waitFor(() => expect(heard.at(-1)).toEqual({ jobId, action: 'cancel', reason: 'run_ended' }), patience);
  });
});

describe('[DIA-75] over HTTP', () => {
  test('the same functions publish to a server’s address, and are answered with the job’s state', async () => {
    const server = await start();
    const jobId = await createJob(server);
    const token = await server.token({ sub: 'will', roles: ['worker'] });
    const target = { url: server.url, token };
    expect(await publishJobProgress(target, jobId, 'ada', 'running', 'Searching', 45)).toMatchObject({
      state: 'running',
    });
    await server.engine.command(ada, jobId, { type: 'pause' });
    expect(await publishJobChunk(target, jobId, 'ada', 'A')).toMatchObject({ state: 'paused' });
    await expect(publishJobChunk(target, jobId, 'bob', 'B')).rejects.toMatchObject({ code: 'forbidden' });
    await publishJobChunk(target, jobId, 'ada', 'C');
    await publishJobFailed(target, jobId, 'ada', 'The index is gone.', 5);
    await expect(publishJobChunk(target, jobId, 'ada', 'D')).rejects.toMatchObject({ code: 'run_ended' });
    expect(await chunksOf(server, jobId)).toEqual(['A', 'C']);
    expect(await statusOf(server, jobId)).toBe('failed');
  });

  test('a message that is sent again is written once; one without a job, a scope or a form is refused', async () => {
    const server = await start();
    const jobId = await createJob(server);
    const send = async (role: 'worker' | 'user', body: object, run = jobId) => {
      const token = await server.token({ sub: 'ada', roles: [role] });
      const answer = await fetch(`${server.url}/api/jobs/${run}/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return [answer.status, await answer.json()];
    };
    const message = { type: 'job:chunk', userId: 'ada', chunk: 'A', producer: { id: 'p', sequence: 1 } };
    expect(await send('worker', message)).toEqual([200, { state: 'running', repeated: false }]);
    expect(await send('worker', message)).toEqual([200, { state: 'running', repeated: true }]);
    expect(await chunksOf(server, jobId)).toEqual(['A']);
    expect(await send('user', message)).toMatchObject([403, { code: 'forbidden' }]);
    expect(await send('worker', { type: 'job:dance', userId: 'ada' })).toMatchObject([
      400,
      { code: 'invalid_request' },
    ]);
    expect(await send('worker', message, 'nobody')).toMatchObject([404, { code: 'run_not_found' }]);
  });
});

describe('two servers of one database', () => {
  let postgres: PostgresProcess;
  beforeAll(async () => {
    postgres = await PostgresProcess.start();
  }, 60_000);
  afterAll(() => postgres.remove());
  const cluster = async (name: string) => {
    await postgres.createDatabase(name);
    const databaseUrl = postgres.url({ database: name });
    return Promise.all(['a', 'b'].map(() => start({ store: 'postgres', databaseUrl })));
  };

  test('[DIA-72] each entry is read once, and the other goes on when the reader ends', async () => {
    const [a, b] = (await cluster('entries')) as [Server, Server];
    const jobId = await createJob(a);
    const words = Array.from({ length: 600 }, (_, n) => `${n}`);
    for (const word of words.slice(0, 300)) await publishJobChunk(client, jobId, 'ada', word);
    const publishing = Promise.all(words.slice(300).map((word) => publishJobChunk(client, jobId, 'ada', word)));
    await a.close();
    await publishing;
    await publishJobComplete(client, jobId, 'ada', null, 1);
    await ends(b, jobId, 'completed');
    expect(await chunksOf(b, jobId)).toEqual(words);
  }, 60_000);

  test('[DIA-76] a bare PUBLISH of a foreign worker is taken by one of them, at most once', async () => {
    const [a, b] = (await cluster('bare')) as [Server, Server];
    const jobId = await createJob(a);
    const say = (chunk: string) =>
      client.publish(`job:event:${jobId}`, JSON.stringify({ type: 'job:chunk', jobId, userId: 'ada', chunk }));
    await vi.waitFor(async () => expect(await say('ready')).toBe(1), patience);
    for (let n = 1; n <= 20; n += 1) await say(`${n}`);
    const heard = () => chunksOf(b, jobId);
    await vi.waitFor(async () => expect((await heard()).at(-1)).toBe('20'), patience);
    expect(await heard()).toEqual(['ready', ...Array.from({ length: 20 }, (_, n) => `${n + 1}`)]);
  }, 60_000);
});
