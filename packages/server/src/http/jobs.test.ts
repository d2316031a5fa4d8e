import { request as rawRequest } from 'node:http';
import { createWorker, task, workflow } from '@millrace/worker';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../clock.ts';
import { type Served, serve } from './served.suite.ts';

const DAY = 24 * 60 * 60_000;

/** What the job API's tests can put forward: the server's clock, by whole days. */
let ahead = 0;
const clock = { now: () => systemClock.now() + ahead, after: systemClock.after };
let served: Served;

/** Waits for `go` in its second step, after a checkpoint, and fails where its input says so. */
let go = Promise.withResolvers<void>();
const search = task('search', async (ctx, { query, fail }: { query: string; fail?: boolean }) => {
  const found = await ctx.step('find', () => [`about ${query}`]);
  await ctx.checkpoint('found', { found });
  ctx.progress(45, 'Ranking');
  await Promise.race([
    go.promise,
    new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
  ]);
  if (fail) throw new Error('The index is gone.');
  return { found };
});

beforeAll(async () => {
  served = await serve({ clock });
  const worker = createWorker({
    link: served.server.localLink(),
    workflows: [workflow('search', { task: search })],
    tasks: [task('echo', (_ctx, input) => input)],
  });
  await worker.start();
  served.server.onClose(() => worker.stop());
});
afterAll(async () => {
  go.resolve();
  await served.close();
});
afterEach(() => {
  go.resolve();
  go = Promise.withResolvers();
  ahead = 0;
});

const create = async (body: unknown, who: 'ada' | 'bob' | 'nobody' = 'ada') =>
  (await served.ask(who, 'POST', '/api/jobs', body)).body as { jobId: string };
const look = async (jobId: string, who: 'ada' | 'bob' | 'root' = 'ada') =>
  (await served.ask(who, 'GET', `/api/jobs/${jobId}`)).body;
const reaches = (jobId: string, facts: object) =>
  vi.waitFor(async () => expect(await look(jobId)).toMatchObject(facts), { timeout: 5_000 });

describe('[DIA-63] POST /api/jobs', () => {
  test('starts a run of the workflow `type`, with the other fields as its input', async () => {
    const answer = await served.ask('ada', 'POST', '/api/jobs', { type: 'search', query: 'AI agents' });
    expect(answer.status).toBe(201);
    const { jobId } = answer.body as { jobId: string };
    expect(answer.headers.get('location')).toBe(`/api/jobs/${jobId}`);
    expect(answer.body).toMatchObject({ id: jobId, type: 'search', input: { query: 'AI agents' }, userId: 'ada' });
    await reaches(jobId, { state: 'running', progress: 45, currentStep: 'Ranking' });
    go.resolve();
    await reaches(jobId, { state: 'completed', progress: 100, result: { found: ['about AI agents'] } });
    expect((await served.ask('ada', 'GET', `/api/runs/${jobId}`)).body).toMatchObject({ status: 'completed' });
  });

  test('or of a task that a worker registers', async () => {
    const { jobId } = await create({ type: 'echo', say: 'hello' });
    await reaches(jobId, { state: 'completed', result: { say: 'hello' } });
  });

  test('a type that nobody has registered is refused, as is a body without one', async () => {
    const unknown = await served.ask('ada', 'POST', '/api/jobs', { type: 'research' });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'workflow_not_found']);
    const without = await served.ask('ada', 'POST', '/api/jobs', { query: 'AI agents' });
    expect([without.status, without.body.code]).toEqual([400, 'invalid_request']);
  });

  test('the same idempotency key creates one job', async () => {
    const body = { type: 'echo', say: 1 };
    const ask = () => served.ask('ada', 'POST', '/api/jobs', body, { 'idempotency-key': 'job-7' });
    const [first, again] = [await ask(), await ask()];
    expect(again.body.jobId).toBe(first.body.jobId);
  });
});

describe('[DIA-64] jobs are seen', () => {
  test('one by one and as a list, newest first, by who owns them', async () => {
    const mine = await create({ type: 'echo', say: 1 });
    const other = await create({ type: 'echo', say: 2 }, 'bob');
    await reaches(mine.jobId, { state: 'completed' });
    const list = async (query = '') => {
      const { body } = await served.ask('ada', 'GET', `/api/jobs${query}`);
      return (body.jobs as { jobId: string }[]).map(({ jobId }) => jobId);
    };
    expect((await list())[0]).toBe(mine.jobId);
    expect(await list()).not.toContain(other.jobId);
    expect(await list('?state=running,created')).not.toContain(mine.jobId);
    expect(await list('?type=search')).not.toContain(mine.jobId);
    expect(await list('?type=echo&state=completed&limit=1')).toEqual([mine.jobId]);
    expect((await served.ask('bob', 'GET', `/api/jobs/${mine.jobId}`)).body.code).toBe('run_not_found');
    expect((await served.ask('stranger', 'GET', `/api/jobs/${mine.jobId}`)).body.code).toBe('run_not_found');
    expect(await look(mine.jobId, 'root')).toMatchObject({ jobId: mine.jobId });
  });
});

describe('[DIA-65] the job state machine', () => {
  const order = (jobId: string, how: string, who: 'ada' | 'bob' = 'ada') => {
    const [method = '', verb] = how.split(' ');
    return served.ask(who, method, `/api/jobs/${jobId}/${verb}`);
  };

  test('only a running job can be paused, only a paused one resumed, and any that has not ended cancelled', async () => {
    const { jobId } = await create({ type: 'search', query: 'states' });
    await reaches(jobId, { state: 'running', progress: 45 });
    expect((await order(jobId, 'POST resume')).body).toMatchObject({ status: 409, code: 'invalid_transition' });
    expect((await order(jobId, 'POST pause')).body).toMatchObject({ jobId, state: 'paused' });
    expect((await order(jobId, 'POST pause')).body).toMatchObject({ status: 409, code: 'invalid_transition' });
    expect((await order(jobId, 'POST resume')).body).toMatchObject({ jobId, state: 'running' });
    expect((await order(jobId, 'PATCH cancel', 'bob')).body).toMatchObject({ status: 404, code: 'run_not_found' });
    expect((await order(jobId, 'PATCH cancel')).status).toBe(200);
    await reaches(jobId, { state: 'cancelled' });
    for (const how of ['PATCH cancel', 'POST pause', 'POST resume']) {
      expect((await order(jobId, how)).body, how).toMatchObject({ status: 409, code: 'run_ended' });
    }
  });

  test('a page of an allowed origin may cancel: PATCH passes the preflight', async () => {
    const preflight = await served.ask('nobody', 'OPTIONS', '/api/jobs/1/cancel', undefined, {
      ...{ origin: 'http://localhost:5173', 'access-control-request-method': 'PATCH' },
    });
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
  });
});

describe('[DIA-66] checkpoints', () => {
  const load = (jobId: string, query = '') => served.ask('ada', 'GET', `/api/jobs/${jobId}/checkpoint${query}`);

  test('the newest is loaded; one that was never saved is not found, and says which there are', async () => {
    const { jobId } = await create({ type: 'search', query: 'checkpoints' });
    await reaches(jobId, { progress: 45 });
    const state = { found: ['about checkpoints'] };
    expect((await load(jobId)).body).toMatchObject({ jobId, node: 'search', key: 'found', state });
    expect((await load(jobId, '?node=search&key=found')).body).toMatchObject({ state });
    const other = await load(jobId, '?key=lost');
    expect(other.body).toMatchObject({ status: 404, code: 'checkpoint_not_found' });
    expect(other.body.saved).toEqual([{ node: 'search', key: 'found' }]);
    const never = await create({ type: 'echo' });
    expect((await load(never.jobId)).body).toMatchObject({ status: 404, code: 'checkpoint_not_found' });
  });

  test('7 days after its end a job’s checkpoints have expired; a retry goes on from its last finished step and says so', async () => {
    const { jobId } = await create({ type: 'search', query: 'old', fail: true });
    await reaches(jobId, { progress: 45 });
    go.resolve();
    await reaches(jobId, { state: 'failed' });
    ahead = 7 * DAY - 60_000;
    expect((await load(jobId)).status).toBe(200);
    ahead = 7 * DAY + 60_000;
    expect((await load(jobId)).body).toMatchObject({ status: 410, code: 'checkpoint_expired' });

    const retried = await served.ask('ada', 'POST', `/api/runs/${jobId}/retry`, { from: 'failed' });
    const events = await served.ask('ada', 'GET', `/api/runs/${retried.body.id}/events`);
    const log = events.body.events as { type: string; data: { code?: string; name?: string; reused?: unknown } }[];
    expect(log.find(({ type }) => type === 'error')?.data.code).toBe('checkpoint_expired');
    // What the new attempt saves is its own.
    expect(log.filter(({ type, data }) => type === 'checkpoint.saved' && data.reused)).toEqual([]);
    expect(log.find(({ type }) => type === 'step.completed')?.data).toMatchObject({
      ...{ name: 'find', reused: { run: jobId } },
    });
  });
});

describe('[DIA-67] without a token', () => {
  const tokenless = (path: string, headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const request = rawRequest(served.server.url + path, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on('error', reject).end();
    });

  test('a server without configured keys takes jobs from its own machine, as the user local', async () => {
    const { jobId } = await create({ type: 'echo' }, 'nobody');
    expect(await look(jobId, 'root')).toMatchObject({ userId: 'local' });
    const seen = await served.ask('nobody', 'GET', '/api/jobs');
    expect((seen.body.jobs as { userId: string }[]).map(({ userId }) => userId)).toEqual(['local']);
    const theirs = await create({ type: 'echo' });
    expect((await served.ask('nobody', 'GET', `/api/jobs/${theirs.jobId}`)).body.code).toBe('run_not_found');
  });

  test('but nothing else, not through a proxy, and not for a page of another origin', async () => {
    expect(await tokenless('/api/jobs')).toBe(200);
    expect(await tokenless('/api/runs')).toBe(401);
    expect(await tokenless('/api/jobs', { 'x-forwarded-for': '203.0.113.9' })).toBe(401);
    expect(await tokenless('/api/jobs', { forwarded: 'for=203.0.113.9' })).toBe(401);
    expect(await tokenless('/api/jobs', { origin: 'https://evil.example' })).toBe(403);
    expect(await tokenless('/api/jobs', { authorization: 'Bearer damaged' })).toBe(401);
  });

  test('a server with a secret refuses it', async () => {
    const secured = await serve({ secret: 'a secret that is long enough' });
    try {
      const answer = await secured.ask('nobody', 'POST', '/api/jobs', { type: 'search', query: 'AI agents' });
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthorized']);
    } finally {
      await secured.close();
    }
  });
});
