import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Served, serve, twoNodes } from './served.suite.ts';

let served: Served;
beforeAll(async () => {
  served = await serve();
  await served.ask('olga', 'PUT', '/api/workflows/hello', { title: 'Hello', nodes: twoNodes });
});
afterAll(() => served.close());

const note = (message: string) => ({ type: 'log', data: { level: 'info', message } });

async function external(tags: string[] = []): Promise<string> {
  const { body } = await served.ask('root', 'POST', '/api/runs', { workflow: 'outside', external: true, tags });
  return body.id as string;
}

const append = (run: string, body: unknown, headers?: Record<string, string>) =>
  served.ask('root', 'POST', `/api/runs/${run}/events`, body, headers);

describe('[API-3] POST /api/runs', () => {
  test('answers 201 with the id, where to find it, and its first seq', async () => {
    const { status, headers, body } = await served.ask('ada', 'POST', '/api/runs', {
      workflow: 'hello',
      input: { n: 1 },
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/runs/${body.id}`);
    expect(body).toMatchObject({ seq: 1, status: 'created', repeated: false });
    const run = await served.ask('ada', 'GET', `/api/runs/${body.id}`);
    expect(run.body).toMatchObject({
      ...{ id: body.id, workflow: 'hello', status: 'created', owner: 'ada', input: { n: 1 }, external: false },
      nodeCounts: { ended: 0, total: 2 },
      waits: [],
    });
    expect((run.body.nodes as { id: string }[]).map(({ id }) => id)).toEqual(['greet', 'check']);
    expect(run.body.seq).toBeGreaterThanOrEqual(1);
  });

  test('the same idempotency key starts one run, and is refused for another body', async () => {
    const key = { 'idempotency-key': 'order-7' };
    const start = (input: number) => served.ask('ada', 'POST', '/api/runs', { workflow: 'hello', input }, key);
    const [first, again, other] = [await start(1), await start(1), await start(2)];
    expect(again.status).toBe(201);
    expect(again.body).toMatchObject({ id: first.body.id, repeated: true });
    expect(other.body.code).toBe('idempotency_conflict');
  });

  test('a run of its own graph needs no registered workflow', async () => {
    const { body } = await served.ask('ada', 'POST', '/api/runs', {
      workflow: 'once',
      nodes: [{ id: 'a', task: 't' }],
    });
    expect((await served.ask('ada', 'GET', `/api/runs/${body.id}`)).body.graph).toEqual([{ id: 'a', task: 't' }]);
  });
});

describe('[API-4] GET /api/runs', () => {
  test('shows newest first, page by page, and filters', async () => {
    const ids = [await external(['paged']), await external(['paged']), await external(['paged'])].reverse();
    const pageOf = async (query: string) => (await served.ask('root', 'GET', `/api/runs?tag=paged&${query}`)).body;
    const first = await pageOf('limit=2');
    expect(first).toMatchObject({ total: 3, next: ids[1] });
    expect((first.runs as { id: string }[]).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await pageOf(`limit=2&before=${first.next}`);
    expect((second.runs as { id: string }[]).map(({ id }) => id)).toEqual(ids.slice(2));
    expect(second.next).toBeUndefined();
    expect((await pageOf('status=failed,cancelled')).runs).toEqual([]);
  });

  test('[SEC-8] a user sees their own runs, an operator the tenant’s, a stranger none', async () => {
    const { body } = await served.ask('bob', 'POST', '/api/runs', { workflow: 'hello', tags: ['whose'] });
    const seen = async (who: 'ada' | 'bob' | 'olga' | 'stranger', query = '') =>
      ((await served.ask(who, 'GET', `/api/runs?tag=whose${query}`)).body.runs as { id: string }[]).map(({ id }) => id);
    expect(await seen('bob')).toEqual([body.id]);
    expect(await seen('olga')).toEqual([body.id]);
    expect(await seen('ada')).toEqual([]);
    expect(await seen('ada', '&owner=bob')).toEqual([]);
    expect(await seen('stranger')).toEqual([]);
  });
});

describe('[API-5] appending to an external run', () => {
  test('takes one event or an array, and a page shows them with cursors', async () => {
    const run = await external();
    await append(run, { type: 'run.started' });
    expect((await append(run, [note('a'), note('b'), note('c')])).body).toEqual({ seq: 5 });
    const page = async (query: string) => (await served.ask('root', 'GET', `/api/runs/${run}/events?${query}`)).body;
    const first = await page('limit=3');
    expect(first).toMatchObject({ run, seq: 1, through: 3, head: 5, done: false });
    const second = await page(`after=${first.next}`);
    expect(second).toMatchObject({ seq: 4, through: 5, done: false });
    expect(second.events).toMatchObject([{ seq: 4, by: 'user:root', data: { message: 'b' } }, { seq: 5 }]);
    expect(await page('after=5')).toMatchObject({ events: [], head: 5 });
    await append(run, { type: 'run.completed', data: { output: 42, duration: 7 } });
    expect(await page(`after=${second.next}`)).toMatchObject({ seq: 6, through: 6, done: true });
    expect((await append(run, note('late'))).body.code).toBe('run_ended');
    expect((await served.ask('root', 'GET', `/api/runs/${run}`)).body).toMatchObject({
      status: 'completed',
      output: 42,
    });
  });

  test('[API-27] who may see a run that is in memory is known without a question to the store', async () => {
    const run = await external();
    const asked = vi.spyOn(served.server.store, 'runRow');
    await append(run, note('a'));
    expect(asked).not.toHaveBeenCalled();
    expect((await served.ask('stranger', 'POST', `/api/runs/${run}/events`, note('b'))).body.code).toBe(
      'run_not_found',
    );
    asked.mockRestore();
  });

  test('by a producer: a repeat writes nothing twice, a hole and an old term are refused', async () => {
    const run = await external();
    const by = (term: number, sequence: number) => ({
      ...{ 'producer-id': 'py', 'producer-term': String(term), 'producer-sequence': String(sequence) },
    });
    const first = await append(run, note('a'), by(1, 1));
    expect((await append(run, note('a'), by(1, 1))).body).toEqual({ seq: first.body.seq, repeated: true });
    expect((await append(run, note('c'), by(1, 3))).body.code).toBe('producer_gap');
    expect((await append(run, note('x'), by(2, 1))).status).toBe(200);
    expect((await append(run, note('b'), by(1, 2))).body.code).toBe('stale_producer');
    expect((await append(run, note('b'), { 'producer-id': 'py' })).body.code).toBe('invalid_request');
    const { head } = (await served.ask('root', 'GET', `/api/runs/${run}/events`)).body;
    // created, the run.started that the first event implies, and two notes
    expect(head).toBe(4);
  });
});

describe('[API-6] events as a stream', () => {
  async function stream(run: string, headers: Record<string, string> = {}) {
    const token = await served.token('root');
    return fetch(`${served.server.url}/api/runs/${run}/events`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${token}`, ...headers },
    });
  }

  test('begins after Last-Event-ID, goes on live, ends with the run, and is 204 from then on', async () => {
    const run = await external();
    await append(run, [note('a'), note('b')]);
    const answer = await stream(run, { 'last-event-id': '2', origin: 'http://localhost:5173' });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    expect(answer.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    await append(run, { type: 'run.completed', data: { duration: 1 } });
    const text = await answer.text();
    const seqs = [...text.matchAll(/^data: (.*)$/gm)].map(
      ([, data]) => (JSON.parse(data as string) as { seq: number }).seq,
    );
    expect(seqs).toEqual([3, 4, 5].slice(0, seqs.length));
    const last = [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] as string;
    expect((await stream(run, { 'last-event-id': last })).status).toBe(204);
  });

  test('is refused with a problem, not with a stream', async () => {
    const answer = await stream('nothing');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
    ]);
  });
});

describe('[API-7] a worker over HTTP', () => {
  test('registers, claims, appends once, parks on an approval and goes on when it is decided', async () => {
    const worker = (path: string, body: unknown) => served.ask('will', 'POST', path, body);
    const registration = { id: 'w1', tasks: [{ name: 'solo' }], concurrency: 2, workflows: [] };
    expect((await worker('/api/workers', registration)).body).toEqual({ leaseMs: 6_000, renewMs: 2_000 });
    expect((await served.ask('olga', 'GET', '/api/workers')).body.workers).toMatchObject([
      { id: 'w1', concurrency: 2 },
    ]);

    const waiting = worker('/api/workers/w1/claim', { limit: 5, wait: 20_000 });
    const solo = { workflow: 'solo', nodes: [{ id: 'only', task: 'solo' }] };
    const run = (await served.ask('ada', 'POST', '/api/runs', solo)).body.id as string;
    expect((await waiting).body.assignments).toMatchObject([{ run, node: 'only', attempt: 1, task: 'solo' }]);

    const lease = { run, node: 'only', attempt: 1 };
    const renewed = await worker('/api/workers/w1/renew', { leases: [lease] });
    expect(renewed.body.leases).toEqual([{ ...lease, state: 'held' }]);
    const tell = (sequence: number, events: unknown[], attempt = 1) =>
      worker(`/api/runs/${run}/attempts/${attempt}/events`, { node: 'only', sequence, events });
    const ask = { type: 'approval.requested', data: { approvalId: 'ok', title: 'Publish?' } };
    const first = await tell(1, [ask]);
    expect((await tell(1, [ask])).body).toMatchObject({ seq: first.body.seq, repeated: true });
    await tell(2, [{ type: 'node.waiting', data: { waits: ['ok'] } }]);
    const parked = (await served.ask('ada', 'GET', `/api/runs/${run}`)).body;
    expect(parked).toMatchObject({ status: 'running', detail: 'waiting', openWaits: 1 });

    const [wait] = parked.waits as { id: string; kind: string }[];
    expect(wait).toMatchObject({ kind: 'approval' });
    const decide = (decision: string) =>
      served.ask('ada', 'POST', `/api/runs/${run}/approvals/${wait?.id}`, { decision, comment: 'fine' });
    expect((await decide('approved')).body).toMatchObject({ approvalId: 'ok', decision: 'approved' });
    expect((await decide('rejected')).body.code).toBe('already_answered');

    const again = await worker('/api/workers/w1/claim', { limit: 1, wait: 20_000 });
    expect(again.body.assignments).toMatchObject([{ run, node: 'only', attempt: 2 }]);
    expect((await tell(3, [note('late')], 1)).body.code).toBe('stale_attempt');
    await tell(1, [{ type: 'node.completed', data: { output: 'done' } }], 2);
    expect((await served.ask('ada', 'GET', `/api/runs/${run}`)).body).toMatchObject({
      status: 'completed',
      output: 'done',
    });
  });

  test('a claim ends when its worker hangs up: the work goes to the next one', async () => {
    const worker = (id: string) => ({ id, tasks: [{ name: 'picky' }], concurrency: 1, workflows: [] });
    for (const id of ['gone', 'here']) await served.ask('will', 'POST', '/api/workers', worker(id));
    const claim = vi.spyOn(served.server.engine, 'claim');
    const controller = new AbortController();
    const hanging = fetch(`${served.server.url}/api/workers/gone/claim`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await served.token('will')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ limit: 1, wait: 60_000 }),
      signal: controller.signal,
    }).catch(() => 'hung up');
    await vi.waitFor(() => expect(claim).toHaveBeenCalled());
    controller.abort();
    expect(await hanging).toBe('hung up');
    await vi.waitFor(() => expect(claim.mock.calls[0]?.[2]?.aborted).toBe(true));
    const graph = { workflow: 'picky', nodes: [{ id: 'only', task: 'picky' }] };
    const { body } = await served.ask('ada', 'POST', '/api/runs', graph);
    const next = await served.ask('will', 'POST', '/api/workers/here/claim', { limit: 1, wait: 20_000 });
    expect(next.body.assignments).toMatchObject([{ run: body.id }]);
  });
});
