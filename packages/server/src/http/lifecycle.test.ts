import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Served, serve, twoNodes, type Who } from './served.suite.ts';

let served: Served;
beforeAll(async () => {
  served = await serve();
  await served.ask('olga', 'PUT', '/api/workflows/hello', { nodes: twoNodes });
});
afterAll(() => served.close());

const post = (who: Who, path: string, body?: unknown, headers?: Record<string, string>) =>
  served.ask(who, 'POST', path, body, headers);
const get = async (who: Who, path: string) => (await served.ask(who, 'GET', path)).body;

/** A run that another system executes: it asks for what the test says. */
async function outside(who: Who, events: unknown[] = [{ type: 'run.started' }], tags: string[] = []): Promise<string> {
  const { body } = await post(who, '/api/runs', { workflow: 'outside', external: true, tags });
  await served.ask('root', 'POST', `/api/runs/${body.id}/events`, events);
  return body.id as string;
}

const approval = (approvalId: string, more: object = {}) => ({
  type: 'approval.requested',
  data: { approvalId, title: `Publish ${approvalId}?`, ...more },
});
const input = (inputId: string, schema: unknown) => ({
  type: 'input.requested',
  data: { inputId, prompt: 'Where to?', schema },
});

describe('[API-20] pause, resume and cancel', () => {
  test('answer with the state that they brought about, and stand in the log with who gave them', async () => {
    const run = await outside('root');
    const paused = await post('olga', `/api/runs/${run}/pause`, { reason: 'lunch' });
    expect([paused.status, paused.body]).toMatchObject([200, { status: 'paused', seq: 3 }]);
    expect((await post('olga', `/api/runs/${run}/resume`)).body).toMatchObject({ status: 'running' });
    expect((await post('olga', `/api/runs/${run}/cancel`, {})).body).toMatchObject({ detail: 'cancelling' });
    const { events } = await get('root', `/api/runs/${run}/events?after=2`);
    expect(events).toMatchObject([
      { type: 'run.paused', by: 'user:olga', data: { reason: 'lunch' } },
      { type: 'run.resumed', by: 'user:olga' },
      { type: 'run.stopping', by: 'user:olga' },
    ]);
  });

  test('happen once under one key, and not at all where the sender saw an older state', async () => {
    const run = await outside('root');
    const pause = (reason: string) => post('root', `/api/runs/${run}/pause`, { reason }, { 'idempotency-key': 'p' });
    const [first, again, other] = [await pause('a'), await pause('a'), await pause('b')];
    expect(again.body.seq).toBe(first.body.seq);
    expect(other.body.code).toBe('idempotency_conflict');
    expect((await post('root', `/api/runs/${run}/resume`, { ctl: 1 })).body).toMatchObject({
      ...{ code: 'outdated', status: 409 },
    });
    expect((await post('root', `/api/runs/${run}/resume`, { ctl: first.body.seq })).status).toBe(200);
  });
});

describe('[API-21] inputs', () => {
  test('are judged by their schema, and the first good one stands', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string', minLength: 2 } }, required: ['city'] };
    const run = await outside('root', [input('to', schema)]);
    const give = (value: unknown) => post('root', `/api/runs/${run}/inputs/to`, { value });
    expect((await give({ city: 'X' })).body).toMatchObject({ code: 'input_invalid', issues: [{ path: 'city' }] });
    expect((await give({ city: 'Köln' })).body).toMatchObject({ inputId: 'to', seq: 4 });
    expect((await give({ city: 'Bonn' })).body.code).toBe('already_answered');
  });
});

describe('[API-22] retry and fork', () => {
  test('start new runs that name their ancestor; a key starts one', async () => {
    const { body } = await post('ada', '/api/runs', { workflow: 'hello', input: 1 });
    expect((await post('ada', `/api/runs/${body.id}/retry`, { from: 'start' })).body.code).toBe('invalid_transition');
    await post('ada', `/api/runs/${body.id}/cancel`);
    const key = { 'idempotency-key': 'again' };
    const retry = await post('ada', `/api/runs/${body.id}/retry`, { from: 'start', input: 2 }, key);
    expect([retry.status, retry.headers.get('location')]).toEqual([201, `/api/runs/${retry.body.id}`]);
    expect((await post('ada', `/api/runs/${body.id}/retry`, { from: 'start', input: 2 }, key)).body).toMatchObject({
      ...{ id: retry.body.id, repeated: true },
    });
    expect(await get('ada', `/api/runs/${retry.body.id}`)).toMatchObject({
      ...{ input: 2, owner: 'ada', lineage: { retryOf: { run: body.id } } },
    });
    const fork = await post('ada', `/api/runs/${body.id}/fork`, { seq: 1 });
    expect(fork.status).toBe(201);
    expect(await get('ada', `/api/runs/${fork.body.id}`)).toMatchObject({
      lineage: { forkOf: { run: body.id, seq: 1 } },
    });
  });
});

describe('[API-23] the inbox', () => {
  test('shows what waits for people, page by page and filtered, until it is answered', async () => {
    const run = await outside('root', [approval('a'), approval('b'), input('c', true)]);
    const pageOf = (query: string) => get('root', `/api/inbox?workflow=outside&owner=root${query}`);
    const mine = (body: Record<string, unknown>) =>
      (body.waits as { id: string; run: string }[]).filter((wait) => wait.run === run).map(({ id }) => id);
    expect(mine(await pageOf(''))).toEqual(['a', 'b', 'c']);
    expect(mine(await pageOf('&kind=input'))).toEqual(['c']);
    const seen: string[] = [];
    for (let next: unknown = ''; next !== undefined; ) {
      const page = await pageOf(`&limit=1${next === '' ? '' : `&after=${next}`}`);
      seen.push(...mine(page));
      next = page.next;
    }
    expect(seen).toEqual(['a', 'b', 'c']);
    await post('root', `/api/runs/${run}/approvals/a`, { decision: 'approved' });
    expect(mine(await pageOf(''))).toEqual(['b', 'c']);
  });

  test('[SEC-8] a user sees what their own runs wait for, an operator all of the tenant, a stranger nothing', async () => {
    const { body } = await post('ada', '/api/runs', { workflow: 'solo', nodes: [{ id: 'only', task: 'inbox' }] });
    await post('will', '/api/workers', { id: 'w', tasks: [{ name: 'inbox' }], concurrency: 1 });
    await post('will', '/api/workers/w/claim', { limit: 1, wait: 5_000 });
    const events = [approval('mine'), { type: 'node.waiting', data: { waits: ['mine'] } }];
    await post('will', `/api/runs/${body.id}/attempts/1/events`, { node: 'only', sequence: 1, events });
    const seen = async (who: Who, query = '') =>
      ((await get(who, `/api/inbox?workflow=solo${query}`)).waits as { owner: string }[]).map(({ owner }) => owner);
    expect(await seen('ada')).toEqual(['ada']);
    expect(await seen('olga')).toEqual(['ada']);
    expect(await seen('bob')).toEqual([]);
    expect(await seen('bob', '&owner=ada')).toEqual([]);
    expect(await seen('stranger')).toEqual([]);
  });
});

describe('[API-24] schedules', () => {
  const put = (who: Who, id: string, body: object) => served.ask(who, 'PUT', `/api/schedules/${id}`, body);

  test('are put, listed with their next firing, and removed; each firing starts a run', async () => {
    const made = await put('ada', 'often', { workflow: 'hello', every: 1_000, input: { n: 1 } });
    expect(made.body).toMatchObject({ id: 'often', every: 1_000, enabled: true, by: 'user:ada' });
    expect(made.body.nextAt).toBeGreaterThan(0);
    expect((await get('ada', '/api/schedules')).schedules).toMatchObject([{ id: 'often' }]);
    await vi.waitFor(async () => expect((await get('ada', '/api/runs?tag=schedule:often')).total).toBeGreaterThan(0), {
      timeout: 10_000,
      interval: 50,
    });
    expect((await served.ask('ada', 'DELETE', '/api/schedules/often')).status).toBe(204);
    expect((await get('ada', '/api/schedules/often')).code).toBe('schedule_not_found');
  });

  test('[SEC-8] a user has their own, an operator the tenant’s; a taken id is told', async () => {
    await put('bob', 'nightly', { workflow: 'hello', cron: '0 3 * * *', timezone: 'Europe/Berlin' });
    const seen = async (who: Who) =>
      ((await get(who, '/api/schedules')).schedules as { id: string }[]).map(({ id }) => id);
    expect([await seen('bob'), await seen('olga'), await seen('ada'), await seen('stranger')]).toEqual([
      ...[['nightly'], ['nightly'], [], []],
    ]);
    expect((await get('ada', '/api/schedules/nightly')).code).toBe('schedule_not_found');
    expect((await served.ask('ada', 'DELETE', '/api/schedules/nightly')).body.code).toBe('schedule_not_found');
    expect((await put('ada', 'nightly', { workflow: 'hello', every: 60_000 })).body.code).toBe('forbidden');
    expect((await put('olga', 'nightly', { workflow: 'hello', every: 60_000 })).body).toMatchObject({ by: 'user:bob' });
  });
});

describe('[API-25] registries', () => {
  test('a workflow shows all its versions, newest first', async () => {
    const define = (title: string) => served.ask('olga', 'PUT', '/api/workflows/grows', { title, nodes: twoNodes });
    const hashes = [(await define('one')).body.hash, (await define('two')).body.hash].reverse();
    const { name, versions } = await get('ada', '/api/workflows/grows/versions');
    expect([name, (versions as { hash: string }[]).map(({ hash }) => hash)]).toEqual(['grows', hashes]);
    expect(versions).toMatchObject([{ title: 'two', at: expect.any(Number) }, { title: 'one' }]);
    expect((await get('stranger', '/api/workflows/grows/versions')).code).toBe('workflow_not_found');
  });

  test('knowledge bases and their documents show what kb events told', async () => {
    const about = { kbId: 'docs', documentId: 'd1', fileName: 'a.pdf' };
    await outside('root', [
      { type: 'kb.started', data: { ...about, bytes: 10 } },
      { type: 'kb.completed', data: { ...about, chunks: 3, embeddings: 3 } },
    ]);
    expect((await get('ada', '/api/kb')).knowledgeBases).toMatchObject([
      { kbId: 'docs', documents: { processing: 0, completed: 1, failed: 0 }, chunks: 3 },
    ]);
    expect((await get('ada', '/api/kb/docs/documents')).documents).toMatchObject([
      { documentId: 'd1', fileName: 'a.pdf', status: 'completed' },
    ]);
    expect(await get('ada', '/api/kb/none/documents')).toEqual({ documents: [] });
    expect(await get('stranger', '/api/kb')).toEqual({ knowledgeBases: [] });
  });
});

test('[API-26] a run that was deleted is 410 run_deleted wherever it is named, and unknown to other tenants', async () => {
  const run = await outside('root', [{ type: 'run.completed', data: {} }]);
  await served.server.store.deleteRun({ tenant: 'default', run });
  const asked: [string, string, unknown?][] = [
    ['GET', ''],
    ['GET', '/events'],
    ['POST', '/pause'],
    ['POST', '/retry', { from: 'start' }],
    ['POST', '/links', { access: 'read', expiresIn: 60_000 }],
  ];
  for (const [method, path, body] of asked) {
    const answer = await served.ask('root', method, `/api/runs/${run}${path}`, body);
    expect([path, answer.status, answer.body.code]).toEqual([path, 410, 'run_deleted']);
  }
  const stream = await served.ask('root', 'GET', `/api/runs/${run}/events`, undefined, { accept: 'text/event-stream' });
  expect(stream.body.code).toBe('run_deleted');
  expect((await get('stranger', `/api/runs/${run}`)).code).toBe('run_not_found');
  const going = await outside('root');
  await served.server.store.deleteRun({ tenant: 'default', run: going });
  const late = { type: 'log', data: { level: 'info', message: 'late' } };
  expect((await served.ask('root', 'POST', `/api/runs/${going}/events`, late)).body.code).toBe('run_deleted');
});
