import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answer, type Served, serve, type Who } from './served.suite.ts';

let served: Served;
let run: string;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.close());
beforeEach(async () => {
  run = (await served.ask('root', 'POST', '/api/runs', { workflow: 'release', external: true, tags: ['v2'] })).body
    .id as string;
  await tell({
    type: 'approval.requested',
    data: {
      approvalId: 'go',
      title: 'Ship <b>v2</b>?',
      details: { risk: '<script>alert(1)</script>' },
      options: ['later'],
    },
  });
  await tell({ type: 'usage', data: { inputTokens: 5 } });
});

const tell = (event: unknown) => served.ask('root', 'POST', `/api/runs/${run}/events`, event);
const hour = 3_600_000;

async function link(body: object, who: Who = 'root'): Promise<{ id: string; token: string; url: string }> {
  const answer = await served.ask(who, 'POST', `/api/runs/${run}/links`, { expiresIn: hour, ...body });
  expect(answer.status).toBe(201);
  return answer.body as unknown as { id: string; token: string; url: string };
}

const as = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  served.ask('nobody', method, path, body, { authorization: `Bearer ${token}` });
const page = (token: string) => served.ask('nobody', 'GET', `/answer/${token}`, undefined, { accept: 'text/html' });
const submit = (token: string, form: Record<string, string>) =>
  served.ask('nobody', 'POST', `/answer/${token}`, new URLSearchParams(form).toString(), {
    ...{ accept: 'text/html', origin: served.server.url, 'content-type': 'application/x-www-form-urlencoded' },
  });
const answer = (token: string, body: unknown, headers?: Record<string, string>) =>
  served.ask('nobody', 'POST', `/answer/${token}`, body, headers);
const head = async () => (await served.ask('root', 'GET', `/api/runs/${run}`)).body.seq;

describe('[SEC-20] a token for one run', () => {
  test('to read reads that run and nothing else, and gives no commands', async () => {
    const { token } = await link({ access: 'read' });
    expect((await as(token, 'GET', `/api/runs/${run}`)).status).toBe(200);
    expect((await as(token, 'GET', `/api/runs/${run}/events`)).status).toBe(200);
    expect((await as(token, 'GET', '/api/runs')).body).toMatchObject({ total: 1, runs: [{ id: run }] });
    expect((await as(token, 'POST', `/api/runs/${run}/pause`)).body.code).toBe('forbidden');
    for (const path of ['/api/inbox', '/api/schedules', '/api/kb', '/api/workflows', '/metrics']) {
      expect((await as(token, 'GET', path)).body.code).toBe('forbidden');
    }
    const other = (await served.ask('root', 'POST', '/api/runs', { workflow: 'x', external: true })).body.id;
    expect((await as(token, 'GET', `/api/runs/${other}`)).body.code).toBe('run_not_found');
  });

  test('to act gives commands to that run alone, in the name of the link, and makes no further links', async () => {
    const { token, id } = await link({ access: 'act' });
    expect((await as(token, 'POST', `/api/runs/${run}/pause`)).body.status).toBe('paused');
    const { events } = (await as(token, 'GET', `/api/runs/${run}/events`)).body;
    expect((events as { by: string }[]).at(-1)?.by).toBe(`link:${id}`);
    for (const [path, body] of [
      [`/api/runs/${run}/links`, { access: 'act', expiresIn: hour }],
      [`/api/runs/${run}/retry`, { from: 'start' }],
      ['/api/runs', { workflow: 'x', external: true }],
    ] as const) {
      expect((await as(token, 'POST', path, body)).body.code).toBe('forbidden');
    }
  });

  test('that is one-time is spent by its first command, and reads no more from then on', async () => {
    const { token } = await link({ access: 'act', oneTime: true });
    expect((await as(token, 'GET', `/api/runs/${run}`)).status).toBe(200);
    const both = await Promise.all(['pause', 'cancel'].map((type) => as(token, 'POST', `/api/runs/${run}/${type}`)));
    expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await as(token, 'GET', `/api/runs/${run}`)).body).toMatchObject({ code: 'unauthorized', status: 401 });
  });

  test('over a socket allows the same, and is spent by the first command there too', async () => {
    const { token, id } = await link({ access: 'act', oneTime: true });
    const socket = new WebSocket(`${served.server.url.replace('http', 'ws')}/live`, 'millrace.v1');
    const heard: { type: string; problem?: { code: string } }[] = [];
    socket.onmessage = ({ data }) => heard.push(...[JSON.parse(data as string)].flat());
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    const command = (type: string) => ({ type: 'command', id: 1, run, command: { type } });
    socket.send(JSON.stringify({ type: 'hello', token }));
    await vi.waitFor(() => expect(heard).toMatchObject([{ type: 'hello', user: id }]));
    socket.send(JSON.stringify(command('pause')));
    await vi.waitFor(() => expect(heard).toHaveLength(2));
    socket.send(JSON.stringify(command('resume')));
    await vi.waitFor(() => expect(heard).toHaveLength(3));
    expect(heard.slice(1)).toMatchObject([{ type: 'ok' }, { type: 'error', problem: { code: 'link_spent' } }]);
    socket.close();
  });

  test('that hides classes never shows them, neither in rows nor in refusals', async () => {
    await served.ask('olga', 'POST', `/api/runs/${run}/approvals/go`, { decision: 'approved', comment: 'a secret' });
    const { token } = await link({ access: 'act', hide: ['wait', 'cost', 'identity'] });
    const texts = [
      await as(token, 'GET', `/api/runs/${run}/events`),
      await as(token, 'GET', '/api/runs'),
      await as(token, 'POST', `/api/runs/${run}/approvals/go`, { decision: 'rejected' }),
    ].map(({ text }) => text);
    expect(texts[2]).toContain('already_answered');
    for (const text of texts) expect(text).not.toMatch(/Ship|secret|olga|root|inputTokens/);
    expect((await as(token, 'GET', `/api/runs/${run}`)).body.code).toBe('forbidden');
  });

  test('for a tag sees the runs of the tag, and only who operates the tenant makes it', async () => {
    const tag = { tag: 'v2', access: 'read', expiresIn: hour };
    expect((await served.ask('ada', 'POST', '/api/links', tag)).body.code).toBe('forbidden');
    const { body } = await served.ask('olga', 'POST', '/api/links', tag);
    expect((await as(body.token as string, 'GET', `/api/runs/${run}`)).status).toBe(200);
    const other = (await served.ask('root', 'POST', '/api/runs', { workflow: 'x', external: true })).body.id;
    expect((await as(body.token as string, 'GET', `/api/runs/${other}`)).body.code).toBe('run_not_found');
  });
});

describe('[SEC-21] a scoped token ends', () => {
  test('[HUB-38] when it is revoked, what it streams as well, at once', async () => {
    const { token, id } = await link({ access: 'read' });
    const stream = await fetch(`${served.server.url}/api/runs/${run}/events`, {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader?.read())?.value ?? '';
    await served.ask('root', 'DELETE', `/api/links/${id}`);
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += part.value;
    expect(text).toContain('run.created');
    expect(text).toMatch(/event: problem\ndata: .*"unauthorized"/);
  });

  test('when it is revoked, by its maker or an operator, and by nobody else', async () => {
    const { token, id } = await link({ access: 'read' });
    const revoke = (who: Who) => served.ask(who, 'DELETE', `/api/links/${id}`);
    for (const who of ['ada', 'stranger', 'will'] as const) expect((await revoke(who)).body.code).toBe('not_found');
    expect((await as(token, 'DELETE', `/api/links/${id}`)).body.code).toBe('forbidden');
    expect((await as(token, 'GET', `/api/runs/${run}`)).status).toBe(200);
    expect((await revoke('olga')).status).toBe(204);
    expect((await as(token, 'GET', `/api/runs/${run}`)).body.code).toBe('unauthorized');
    const wait = await link({ access: 'act', wait: 'go' });
    await served.ask('root', 'DELETE', `/api/links/${wait.id}`);
    expect((await answer(wait.token, { decision: 'approved' })).body).toMatchObject({
      code: 'link_spent',
      status: 410,
    });
    expect((await answer(wait.token, { decision: 'approved' }, { 'idempotency-key': 'k' })).body.code).toBe(
      'link_spent',
    );
  });
});

describe('[SEC-22] a link that answers a wait', () => {
  test('shows it on GET, as often as anybody likes, and changes nothing', async () => {
    const { token, url } = await link({ access: 'act', wait: 'go' });
    expect(url).toBe(`${served.server.url}/answer/${token}`);
    const before = await head();
    for (let n = 0; n < 3; n += 1) {
      expect((await answer(token, undefined)).status).toBe(400);
      expect((await served.ask('nobody', 'GET', `/answer/${token}`)).body).toMatchObject({
        ...{ run, id: 'go', kind: 'approval', status: 'open', title: 'Ship <b>v2</b>?' },
        options: ['approved', 'rejected', 'later'],
      });
      expect((await page(token)).status).toBe(200);
    }
    expect(await head()).toBe(before);
  });

  test('is a small page without script that nothing can be put into', async () => {
    const { token } = await link({ access: 'act', wait: 'go' });
    const { text, headers } = await page(token);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(text).toContain('Ship &#60;b&#62;v2&#60;/b&#62;?');
    expect(text).not.toMatch(/<script|<b>/);
    for (const name of ['approved', 'rejected', 'later']) expect(text).toContain(`name="decision" value="${name}"`);
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action/,
    );
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('same-origin');
  });

  test('answers on POST in the name of the link, and is spent by the answer', async () => {
    const { token, id } = await link({ access: 'act', wait: 'go' });
    const done = await submit(token, { decision: 'later', comment: 'after lunch' });
    expect([done.status, done.text]).toEqual([200, expect.stringContaining('recorded: later')]);
    const { events } = (await served.ask('root', 'GET', `/api/runs/${run}/events`)).body;
    expect((events as { type: string }[]).at(-1)).toMatchObject({
      ...{ type: 'approval.resolved', by: `link:${id}`, data: { decision: 'later', comment: 'after lunch' } },
    });
    const again = await submit(token, { decision: 'approved' });
    expect([again.status, again.text]).toEqual([410, expect.stringContaining('Ask for a new link')]);
    expect((await page(token)).status).toBe(410);
    expect((await answer(token, { decision: 'approved' })).body.code).toBe('link_spent');
  });

  test('answers once, however many post at the same time; whoever repeats theirs under its key is told the same', async () => {
    const { token } = await link({ access: 'act', wait: 'go' });
    const keys = ['a', 'b', 'c', 'd'];
    const post = (key: string) => answer(token, { decision: 'approved' }, { 'idempotency-key': key });
    const results = await Promise.all(keys.map(post));
    const won = results.findIndex(({ status }) => status === 200);
    expect(results.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, body } of results) if (status !== 200) expect(body.code).toBe('link_spent');
    expect((await post(keys[won] as string)).body).toEqual(results[won]?.body);
  });

  test('is spent by the answer alone: a decision that is not offered leaves it whole', async () => {
    const { token } = await link({ access: 'act', wait: 'go' });
    const wrong = await submit(token, { decision: 'maybe', comment: 'keep "me"' });
    expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining('keep &#34;me&#34;')]);
    expect((await answer(token, {})).body).toMatchObject({ code: 'invalid_request' });
    expect((await answer(token, { decision: 'approved', extra: 1 })).body.detail).toContain('extra');
    expect((await answer(token, { decision: 'approved' })).body).toMatchObject({
      run,
      wait: 'go',
      decision: 'approved',
    });
  });

  test('an input’s form is made of its schema, and a wrong answer is shown again with the reason', async () => {
    const schema = {
      ...{ type: 'object', required: ['city', 'nights'] },
      properties: {
        city: { enum: ['Köln', 'Bonn'] },
        nights: { type: 'integer', minimum: 1 },
        pets: { type: 'boolean' },
      },
    };
    await tell({ type: 'input.requested', data: { inputId: 'trip', prompt: 'Where to?', schema } });
    const { token } = await link({ access: 'act', wait: 'trip' });
    const { text } = await page(token);
    expect(text).toMatch(/<label for="f1">nights/);
    const wrong = await submit(token, { f0: '1', f1: '0', f2: '' });
    expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('nights')]);
    expect(wrong.text).toContain('value="0"');
    expect((await submit(token, { f0: '1', f1: '2', f2: '' })).status).toBe(200);
    const { events } = (await served.ask('root', 'GET', `/api/runs/${run}/events`)).body;
    expect((events as { type: string }[]).at(-1)).toMatchObject({
      ...{ type: 'input.provided', data: { value: { city: 'Bonn', nights: 2 } } },
    });
  });

  test('opens nothing else, and no other token opens it', async () => {
    const { token } = await link({ access: 'act', wait: 'go' });
    for (const [method, path, body] of [
      ['GET', `/api/runs/${run}`],
      ['GET', `/api/runs/${run}/events`],
      ['POST', `/api/runs/${run}/cancel`],
      ['POST', `/api/runs/${run}/approvals/go`, { decision: 'approved' }],
    ] as const) {
      expect((await as(token, method, path, body)).body.code).toBe('forbidden');
    }
    const others = [await served.token('root'), (await link({ access: 'act' })).token, 'garbage', `${token}x`];
    for (const other of others) {
      expect((await answer(other, { decision: 'approved' })).body.code).toBe('unauthorized');
      const shown = await page(other);
      expect([shown.status, shown.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8']);
    }
  });

  test('hides from its page what it hides in the log', async () => {
    const { token } = await link({ access: 'act', wait: 'go', hide: ['wait'] });
    for (const { text } of [await page(token), await served.ask('nobody', 'GET', `/answer/${token}`)]) {
      expect(text).not.toMatch(/Ship|risk|later/);
    }
  });

  test('of a wait that somebody else has answered says so', async () => {
    const { token } = await link({ access: 'act', wait: 'go', oneTime: false });
    await served.ask('olga', 'POST', `/api/runs/${run}/approvals/go`, { decision: 'approved' });
    expect((await page(token)).text).toContain('already answered: approved');
    expect((await answer(token, { decision: 'rejected' })).body.code).toBe('already_answered');
  });
});

test('[SEC-23] nobody gives away more than they have', async () => {
  const ask = (who: Who, body: object) =>
    served.ask(who, 'POST', `/api/runs/${run}/links`, { expiresIn: hour, ...body });
  expect((await ask('ada', { access: 'read' })).body.code).toBe('run_not_found');
  expect((await ask('stranger', { access: 'read' })).body.code).toBe('run_not_found');
  expect((await ask('will', { access: 'act' })).body.code).toBe('forbidden');
  expect((await ask('will', { access: 'read' })).status).toBe(201);
  expect((await ask('root', { access: 'act', wait: 'none' })).body.code).toBe('wait_not_found');
  expect((await ask('root', { access: 'read', wait: 'go' })).body.code).toBe('invalid_request');
  expect((await ask('root', { access: 'read', oneTime: true })).body.code).toBe('invalid_request');
  await served.ask('root', 'POST', `/api/runs/${run}/approvals/go`, { decision: 'approved' });
  expect((await ask('root', { access: 'act', wait: 'go' })).body.code).toBe('already_answered');
});
