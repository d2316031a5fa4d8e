import { errors, isErrorCode } from '@millrace/protocol';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createJwtAuth } from '../auth/auth-jwt.ts';
import { SimulatedClock } from '../clock.ts';
import { type Served, serve, twoNodes, type Who } from './served.suite.ts';

let served: Served;
let run: string;
let external: string;

beforeAll(async () => {
  served = await serve({ bodyLimit: 100_000 });
  await served.ask('olga', 'PUT', '/api/workflows/hello', { nodes: twoNodes });
  run = (await served.ask('ada', 'POST', '/api/runs', { workflow: 'hello' })).body.id as string;
  external = (await served.ask('root', 'POST', '/api/runs', { workflow: 'elsewhere', external: true })).body
    .id as string;
});
afterAll(() => served.close());

/** Who asks what, and the code of the refusal. `RUN` and `EXTERNAL` stand for the two runs. */
const cases: [string, Who, string, string, unknown, string][] = [
  ['an unknown workflow', 'ada', 'POST', '/api/runs', { workflow: 'nothing' }, 'workflow_not_found'],
  ['no workflow', 'ada', 'POST', '/api/runs', {}, 'invalid_request'],
  ['a field that nobody knows', 'ada', 'POST', '/api/runs', { workflow: 'hello', inputs: 1 }, 'invalid_request'],
  ['a field of the wrong type', 'ada', 'POST', '/api/runs', { workflow: 'hello', tags: 'a' }, 'invalid_request'],
  ['a body that is not JSON', 'ada', 'POST', '/api/runs', '{"workflow":', 'invalid_json'],
  ['an empty body', 'ada', 'POST', '/api/runs', '', 'invalid_json'],
  ['a poisoned prototype', 'ada', 'POST', '/api/runs', '{"workflow":"hello","__proto__":{}}', 'invalid_json'],
  [
    'a body over the limit',
    'ada',
    'POST',
    '/api/runs',
    { workflow: 'hello', input: 'x'.repeat(100_001) },
    'payload_too_large',
  ],
  ['a graph without nodes', 'ada', 'POST', '/api/runs', { workflow: 'new', nodes: [] }, 'empty_graph'],
  ['a cycle', 'ada', 'POST', '/api/runs', { workflow: 'new', nodes: cycle() }, 'graph_cycle'],
  ['a cycle in a definition', 'olga', 'PUT', '/api/workflows/round', { nodes: cycle() }, 'graph_cycle'],
  [
    'an unknown need',
    'ada',
    'POST',
    '/api/runs',
    { workflow: 'new', nodes: [{ id: 'a', task: 't', needs: ['z'] }] },
    'graph_invalid',
  ],
  [
    'a broken expression',
    'ada',
    'POST',
    '/api/runs',
    { workflow: 'new', nodes: [{ id: 'a', task: 't', when: '{% ( %}' }] },
    'expression_invalid',
  ],
  ['an unknown run', 'ada', 'GET', '/api/runs/nothing', undefined, 'run_not_found'],
  ["another user's run", 'bob', 'GET', '/api/runs/RUN', undefined, 'run_not_found'],
  ["another tenant's run", 'stranger', 'GET', '/api/runs/RUN', undefined, 'run_not_found'],
  ["events of another user's run", 'bob', 'GET', '/api/runs/RUN/events', undefined, 'run_not_found'],
  ['a garbage cursor', 'ada', 'GET', '/api/runs/RUN/events?after=garbage', undefined, 'invalid_cursor'],
  ['a cursor of another epoch', 'ada', 'GET', '/api/runs/RUN/events?after=other:1', undefined, 'invalid_cursor'],
  ['a cursor past the end', 'ada', 'GET', '/api/runs/RUN/events?after=999', undefined, 'invalid_cursor'],
  ['a negative limit', 'ada', 'GET', '/api/runs/RUN/events?limit=-1', undefined, 'invalid_request'],
  ['an unknown status', 'ada', 'GET', '/api/runs?status=done', undefined, 'invalid_request'],
  ['an event of unknown type', 'root', 'POST', '/api/runs/EXTERNAL/events', { type: 'run.exploded' }, 'event_unknown'],
  [
    'an event that its schema refuses',
    'root',
    'POST',
    '/api/runs/EXTERNAL/events',
    { type: 'log', data: { level: 'loud' } },
    'event_invalid',
  ],
  [
    'one bad event among good ones',
    'root',
    'POST',
    '/api/runs/EXTERNAL/events',
    [note(), { type: 'log', data: {} }],
    'event_invalid',
  ],
  [
    'an illegal transition',
    'root',
    'POST',
    '/api/runs/EXTERNAL/events',
    Array(2).fill({ type: 'run.started' }),
    'invalid_transition',
  ],
  ["a seq of one's own", 'root', 'POST', '/api/runs/EXTERNAL/events', { ...note(), seq: 7 }, 'invalid_request'],
  [
    'events for a run that our engine executes',
    'root',
    'POST',
    '/api/runs/RUN/events',
    { type: 'run.completed', data: { duration: 1 } },
    'event_not_allowed',
  ],
  ['no events', 'root', 'POST', '/api/runs/EXTERNAL/events', [], 'invalid_request'],
  ['an unknown approval', 'ada', 'POST', '/api/runs/RUN/approvals/none', { decision: 'approved' }, 'wait_not_found'],
  ['an approval without a decision', 'ada', 'POST', '/api/runs/RUN/approvals/none', {}, 'invalid_request'],
  [
    'a field of a node that nobody knows',
    'ada',
    'POST',
    '/api/runs',
    { workflow: 'n', nodes: misspelt() },
    'invalid_request',
  ],
  [
    'a field of a retry policy that nobody knows',
    'olga',
    'PUT',
    '/api/workflows/n',
    { nodes: eager() },
    'invalid_request',
  ],
  ['a lineage of one’s own', 'ada', 'POST', '/api/runs', { workflow: 'hello', lineage: {} }, 'invalid_request'],
  ['an unknown command', 'ada', 'POST', '/api/runs/RUN/explode', {}, 'not_found'],
  ['a reason that is no text', 'ada', 'POST', '/api/runs/RUN/pause', { reason: 7 }, 'invalid_request'],
  ['a field of a command that nobody knows', 'ada', 'POST', '/api/runs/RUN/cancel', { why: 'x' }, 'invalid_request'],
  ['a negative ctl', 'ada', 'POST', '/api/runs/RUN/cancel', { ctl: -1 }, 'invalid_request'],
  ['a pause of a run that was not started', 'ada', 'POST', '/api/runs/RUN/pause', {}, 'invalid_transition'],
  ['a resume of a run that is not paused', 'ada', 'POST', '/api/runs/RUN/resume', {}, 'invalid_transition'],
  ["a command to another user's run", 'bob', 'POST', '/api/runs/RUN/cancel', {}, 'run_not_found'],
  ["a command to another tenant's run", 'stranger', 'POST', '/api/runs/RUN/cancel', {}, 'run_not_found'],
  ['a worker who cancels', 'will', 'POST', '/api/runs/RUN/cancel', {}, 'forbidden'],
  ['an unknown input', 'ada', 'POST', '/api/runs/RUN/inputs/none', { value: 1 }, 'wait_not_found'],
  ['an input without a value', 'ada', 'POST', '/api/runs/RUN/inputs/none', {}, 'invalid_request'],
  ["an input of another user's run", 'bob', 'POST', '/api/runs/RUN/inputs/none', { value: 1 }, 'run_not_found'],
  ['a retry of a live run', 'ada', 'POST', '/api/runs/RUN/retry', { from: 'start' }, 'invalid_transition'],
  ['a retry from nowhere', 'ada', 'POST', '/api/runs/RUN/retry', { from: 'end' }, 'invalid_request'],
  ["a retry of another user's run", 'bob', 'POST', '/api/runs/RUN/retry', { from: 'start' }, 'run_not_found'],
  ['a fork without a seq', 'ada', 'POST', '/api/runs/RUN/fork', {}, 'invalid_request'],
  ['a fork at seq 0', 'ada', 'POST', '/api/runs/RUN/fork', { seq: 0 }, 'invalid_request'],
  ["a fork of another user's run", 'bob', 'POST', '/api/runs/RUN/fork', { seq: 1 }, 'run_not_found'],
  ['an inbox of an unknown kind', 'ada', 'GET', '/api/inbox?kind=sleep', undefined, 'invalid_request'],
  ['an inbox page that is none', 'ada', 'GET', '/api/inbox?after=garbage', undefined, 'invalid_cursor'],
  ['an inbox page of nothing', 'ada', 'GET', '/api/inbox?limit=0', undefined, 'invalid_request'],
  ['a schedule without times', 'ada', 'PUT', '/api/schedules/s', { workflow: 'hello' }, 'schedule_invalid'],
  ['a schedule of cron and interval', 'ada', 'PUT', '/api/schedules/s', both(), 'schedule_invalid'],
  [
    'a cron expression that is none',
    'ada',
    'PUT',
    '/api/schedules/s',
    { workflow: 'w', cron: 'x' },
    'schedule_invalid',
  ],
  ['an unknown time zone', 'ada', 'PUT', '/api/schedules/s', { ...daily(), timezone: 'Mars/X' }, 'schedule_invalid'],
  ['a schedule without a workflow', 'ada', 'PUT', '/api/schedules/s', { every: 5_000 }, 'invalid_request'],
  [
    'a field of a schedule that nobody knows',
    'ada',
    'PUT',
    '/api/schedules/s',
    { ...daily(), at: 1 },
    'invalid_request',
  ],
  ['a schedule id with a slash', 'ada', 'PUT', '/api/schedules/a%2Fb', daily(), 'invalid_request'],
  ['a worker who schedules', 'will', 'PUT', '/api/schedules/s', daily(), 'forbidden'],
  ['an unknown schedule', 'ada', 'DELETE', '/api/schedules/none', undefined, 'schedule_not_found'],
  ['versions of an unknown workflow', 'ada', 'GET', '/api/workflows/none/versions', undefined, 'workflow_not_found'],
  ['a page of no knowledge bases', 'ada', 'GET', '/api/kb?limit=0', undefined, 'invalid_request'],
  ['a link that never ends', 'ada', 'POST', '/api/runs/RUN/links', { access: 'read' }, 'invalid_request'],
  [
    'a link for ten years',
    'ada',
    'POST',
    '/api/runs/RUN/links',
    { access: 'read', expiresIn: 4e11 },
    'invalid_request',
  ],
  [
    'a link to do everything',
    'ada',
    'POST',
    '/api/runs/RUN/links',
    { access: 'all', expiresIn: 5e3 },
    'invalid_request',
  ],
  ['a link that hides what is no class', 'ada', 'POST', '/api/runs/RUN/links', hides('all'), 'invalid_request'],
  ['a link for an unknown wait', 'ada', 'POST', '/api/runs/RUN/links', hides(), 'wait_not_found'],
  ['an unknown link', 'ada', 'DELETE', '/api/links/none', undefined, 'not_found'],
  ['an answer by a link that is none', 'nobody', 'POST', '/answer/garbage', { decision: 'approved' }, 'unauthorized'],
  ['a look at a link that is none', 'nobody', 'GET', '/answer/garbage', undefined, 'unauthorized'],
  [
    'an attempt that holds no lease',
    'will',
    'POST',
    '/api/runs/RUN/attempts/1/events',
    { node: 'greet', sequence: 1, events: [note()] },
    'stale_attempt',
  ],
  ['an unknown path', 'ada', 'GET', '/api/nothing', undefined, 'not_found'],
  ['a method that the path has not', 'ada', 'DELETE', '/api/runs', undefined, 'not_found'],
  ['a path that cannot be decoded', 'ada', 'GET', '/api/runs/%zz', undefined, 'invalid_request'],
  ['a file that is not there', 'ada', 'GET', `/api/files/${'0'.repeat(64)}`, undefined, 'file_not_found'],
  ['no token', 'nobody', 'GET', '/api/runs', undefined, 'unauthorized'],
  ['no token, whatever the body', 'nobody', 'POST', '/api/runs', '{', 'unauthorized'],
  ['a user who appends', 'ada', 'POST', '/api/runs/EXTERNAL/events', note(), 'forbidden'],
  ['a worker who starts runs', 'will', 'POST', '/api/runs', { workflow: 'hello' }, 'forbidden'],
  ['a user who claims', 'ada', 'POST', '/api/workers/w/claim', { limit: 1, wait: 0 }, 'forbidden'],
  ['a user who registers workflows', 'ada', 'PUT', '/api/workflows/mine', { nodes: twoNodes }, 'forbidden'],
  ['a user who reads metrics', 'ada', 'GET', '/metrics', undefined, 'forbidden'],
];

function cycle() {
  return [
    { id: 'a', task: 't', needs: ['b'] },
    { id: 'b', task: 't', needs: ['a'] },
  ];
}

function misspelt() {
  return [{ id: 'a', task: 't', wen: '{% true %}' }];
}

function eager() {
  return [{ id: 'a', task: 't', retry: { attempts: 2, maxAttempts: 3 } }];
}

function daily() {
  return { workflow: 'hello', cron: '0 3 * * *' };
}

function both() {
  return { ...daily(), every: 5_000 };
}

function hides(...hide: string[]) {
  return { access: 'act', wait: 'none', expiresIn: 60_000, hide };
}

function note() {
  return { type: 'log', data: { level: 'info', message: 'hi' } };
}

test.each(cases)('[API-1] %s is refused and nothing is written', async (_what, who, method, path, body, code) => {
  const before = await served.written();
  const answer = await served.ask(who, method, path.replace('RUN', run).replace('EXTERNAL', external), body);
  expect(answer.body).toMatchObject({ code });
  if (!isErrorCode(code)) throw new Error(`${code} is no code`);
  expect(answer.status).toBe(errors[code].http);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(answer.body).toMatchObject({ status: answer.status, fix: errors[code].fix, title: errors[code].title });
  expect(answer.body.requestId).toBe(answer.headers.get('x-request-id'));
  expect(await served.written()).toEqual(before);
});

describe('[API-2] the problem says', () => {
  const detail = async (method: string, path: string, body?: unknown, who: Who = 'root') =>
    (await served.ask(who, method, path.replace('RUN', run).replace('EXTERNAL', external), body)).body;

  test('which field is wrong', async () => {
    expect(await detail('POST', '/api/runs', { workflow: 'hello', nodes: [{ id: 7 }] })).toMatchObject({
      detail: expect.stringContaining('body/nodes/0/id'),
      issues: [{ field: 'body/nodes/0/id' }],
    });
    expect((await detail('GET', '/api/runs?limit=x')).detail).toContain('querystring/limit');
  });

  test('which nodes need each other', async () => {
    const { cycle: found } = await detail('POST', '/api/runs', { workflow: 'new', nodes: cycle() });
    expect(found).toEqual(expect.arrayContaining(['a', 'b']));
  });

  test('what the log holds, for a cursor that cannot be served', async () => {
    expect(await detail('GET', '/api/runs/RUN/events?after=999')).toMatchObject({
      requested: '999',
      earliest: 1,
      latest: expect.any(Number),
    });
  });

  test('which scope or role is missing', async () => {
    expect((await detail('POST', '/api/runs/EXTERNAL/events', note(), 'ada')).detail).toContain('run:append');
    expect((await detail('GET', '/metrics', undefined, 'ada')).detail).toContain('operator');
  });
});

describe('[SEC-4] over HTTP', () => {
  const answer = (authorization: string) => served.ask('nobody', 'GET', '/api/runs', undefined, { authorization });

  test.each(['Bearer garbage', 'Bearer', 'Basic YTpi', ''])('%s is unauthorized', async (authorization) => {
    const { status, headers, body } = await answer(authorization);
    expect([status, body.code, headers.get('www-authenticate')]).toEqual([401, 'unauthorized', 'Bearer']);
  });

  test("a token of another server's secret is unauthorized, an old one of ours is token_expired", async () => {
    const past = new SimulatedClock(1_600_000_000_000);
    const foreign = createJwtAuth({ secret: 'quite another secret' }, past);
    expect((await answer(`Bearer ${await foreign.issue({ sub: 'ada' }, 60)}`)).body.code).toBe('unauthorized');
    const secret = 'the secret that this server uses';
    const mine = await serve({ secret });
    const old = await createJwtAuth({ secret }, past).issue({ sub: 'ada' }, 60);
    const { body } = await mine.ask('nobody', 'GET', '/api/runs', undefined, { authorization: `Bearer ${old}` });
    expect(body.code).toBe('token_expired');
    await mine.close();
  });

  test('a token in the query is accepted for GET alone', async () => {
    const token = await served.token('root');
    expect((await served.ask('nobody', 'GET', `/api/runs?token=${token}`)).status).toBe(200);
    expect((await served.ask('nobody', 'POST', `/api/runs?token=${token}`, { workflow: 'hello' })).status).toBe(401);
  });

  test('[SEC-11] a token for one run reaches that run and nothing else, and sees nothing that it hides', async () => {
    const secret = 'the secret that this server uses';
    const mine = await serve({ secret });
    const [one = '', other = ''] = await Promise.all(
      [1, 2].map(async () => {
        const { body } = await mine.ask('root', 'POST', '/api/runs', { workflow: 'x', external: true });
        await mine.ask('root', 'POST', `/api/runs/${body.id}/events`, [
          note(),
          { type: 'usage', data: { inputTokens: 1 } },
        ]);
        return body.id as string;
      }),
    );
    const signed = (claims: Record<string, unknown>) =>
      new SignJWT({ sub: 'guest', ...claims })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(new TextEncoder().encode(secret));
    const ask = async (token: string, method: string, path: string, body?: unknown) =>
      mine.ask('nobody', method, path, body, { authorization: `Bearer ${token}` });
    const only = await signed({ roles: ['admin'], only: { run: one } });
    expect((await ask(only, 'GET', `/api/runs/${one}`)).status).toBe(200);
    expect((await ask(only, 'GET', `/api/runs/${other}`)).body.code).toBe('run_not_found');
    expect((await ask(only, 'GET', '/api/runs')).body).toMatchObject({ total: 1, runs: [{ id: one }] });
    expect((await ask(only, 'GET', '/api/workflows')).body.code).toBe('forbidden');
    expect((await ask(only, 'POST', '/api/runs', { workflow: 'y', external: true })).body.code).toBe('forbidden');

    const hiding = await signed({ roles: ['operator'], hide: ['log', 'cost'] });
    const page = (await ask(hiding, 'GET', `/api/runs/${one}/events`)).body;
    expect(page).toMatchObject({ seq: 1, through: 4, head: 4 });
    expect((page.events as { type: string }[]).map(({ type }) => type)).toEqual(['run.created', 'run.started']);
    expect((await ask(hiding, 'GET', `/api/runs/${one}`)).body.code).toBe('forbidden');
    await mine.close();
  });
});
