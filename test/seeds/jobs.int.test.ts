import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Process } from '../process.ts';
import { Producer, ServerProcess } from './server-process.ts';
import { SocketClient } from './socketio-client.ts';
import { completed, failed, story } from './story.ts';
import { sign } from './token.ts';

const patience = { timeout: 10_000, interval: 10 };
const token = sign({ sub: 'ada', roles: ['user'] });

let server: ServerProcess;
let producer: Producer;
beforeAll(async () => {
  server = await ServerProcess.start({ MILLRACE_GRACE_MS: '300' });
  producer = new Producer(server.url, sign({ sub: 'ada', scopes: ['run:read', 'run:act', 'run:append'] }));
});
afterAll(() => server.remove());

/** The text's socket service: reconnects after 1 s, then 5 s at most, without end; a test has less patience. */
function connect(options: object = {}): SocketClient {
  const client = new SocketClient(server.url, {
    ...{ auth: { token }, reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500 },
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

const until = (client: SocketClient, event: string, count = 1) =>
  vi.waitFor(() => expect(client.of(event).length).toBeGreaterThanOrEqual(count), patience);

/** The front end's part: what is not newer than what was seen is dropped, by the sequence numbers. */
function inSequence(client: SocketClient): { event: string; data: Record<string, unknown> }[] {
  let last = 0;
  return client.heard.filter(({ event, data }) => {
    if (!event.startsWith('job:') || (data.seq as number) <= last) return false;
    last = data.seq as number;
    return true;
  });
}

/** What curl prints, and the status. */
function curl(...args: string[]): { status: number; body: Record<string, unknown> } {
  const { stdout } = spawnSync('curl', ['-s', '-w', '\n%{http_code}', ...args], { encoding: 'utf8' });
  const at = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(at + 1)), body: JSON.parse(stdout.slice(0, at) || 'null') as never };
}
const json = ['-H', 'Content-Type: application/json'];

test('[SEE-26] the text’s manual test: its curl, as it stands, makes a job that a worker executes and its page follows to the end', async () => {
  const plain = await ServerProcess.start({ MILLRACE_JWT_SECRET: '' });
  onTestFinished(() => plain.remove());
  const cli = async (...args: string[]) => {
    const process = new Process('packages/server/src/main.ts', ['token', ...args, '--data', plain.data]);
    await process.exited;
    return process.output.trim();
  };
  const [local, workers] = await Promise.all([cli('--user', 'local', '--role', 'user'), cli('--role', 'worker')]);
  const env = { MILLRACE_URL: plain.url, MILLRACE_TOKEN: workers };
  const worker = new Process('examples/jobs-worker/src/worker.ts', [], env);
  onTestFinished(() => worker.kill());
  await worker.printed(/takes work/);

  const body = '{"type": "search", "query": "AI agents"}';
  const { body: made } = curl('-X', 'POST', `${plain.url}/api/jobs`, ...json, '-d', body);
  const page = new SocketClient(plain.url, {
    auth: { token: local },
    reconnectionDelay: 50,
    reconnectionDelayMax: 100,
  });
  onTestFinished(() => page.close());
  page.socket.on('connect', () => page.socket.emit('subscribe', `job:${made.jobId}`));
  await until(page, 'job:step');
  page.cut();
  await until(page, 'job:completed');
  expect(page.connects).toHaveLength(2);
  const events = inSequence(page);
  for (const event of ['job:started', 'job:progress', 'job:step', 'job:chunk', 'job:completed'])
    expect(events.map((one) => one.event)).toContain(event);
  const result = events.at(-1)?.data.result as { answer: string };
  expect(events.map(({ data }) => data.chunk ?? '').join('')).toBe(result.answer);
  expect(curl(`${plain.url}/api/jobs/${made.jobId}`).body).toMatchObject({
    state: 'completed',
    progress: 100,
    userId: 'local',
  });
});

describe.each([
  ['websocket', { transports: ['websocket'] }],
  ['polling', { transports: ['polling'] }],
])('over %s', (_, options) => {
  test('[SEE-27] a job tells started, progress, step, chunk, paused, resumed, completed, failed and cancelled, with jobId and seq', async () => {
    const client = connect(options);
    const jobs = [await producer.open(), await producer.open(), await producer.open()];
    const [good = '', bad = '', ended = ''] = jobs;
    for (const job of jobs) expect(await client.ask('subscribe', `job:${job}`)).toEqual({ ok: true });
    for (const events of story.slice(0, -1)) await producer.append(good, ...events);
    await until(client, 'job:chunk');
    for (const command of ['pause', 'resume'])
      expect((await producer.call('POST', `/api/jobs/${good}/${command}`)).status).toBe(200);
    await producer.append(good, { type: 'node.completed', node: 'write' }, completed);
    for (const events of story) await producer.append(bad, ...events);
    await producer.append(bad, failed);
    await producer.append(ended, ...(story[0] ?? []));
    expect((await producer.call('PATCH', `/api/jobs/${ended}/cancel`)).status).toBe(200);
    for (const event of ['job:completed', 'job:failed', 'job:cancelled']) await until(client, event);

    const of = (job: string, event: string) => client.of(event).filter(({ jobId }) => jobId === job);
    for (const job of jobs) {
      const seqs = client.heard.filter(({ data }) => data.jobId === job).map(({ data }) => data.seq as number);
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    }
    expect(of(good, 'job:started')).toMatchObject([{ state: 'running' }]);
    expect(of(good, 'job:progress')).toContainEqual(expect.objectContaining({ progress: 20, step: 'Planning' }));
    expect(of(good, 'job:step')).toMatchObject([
      { step: 'outline', status: 'running' },
      { step: 'outline', status: 'running', progress: 50 },
      { step: 'outline', status: 'completed' },
      { step: 'verify', status: 'failed', error: 'No source.' },
    ]);
    expect(
      of(good, 'job:chunk')
        .map(({ chunk }) => chunk)
        .join(''),
    ).toBe('Rivers flow.');
    expect(of(good, 'job:paused')).toMatchObject([{ state: 'paused' }]);
    expect(of(good, 'job:resumed')).toMatchObject([{ state: 'running' }]);
    expect(of(good, 'job:completed')).toMatchObject([{ result: { pages: 3 }, durationMs: expect.any(Number) }]);
    expect(of(bad, 'job:failed')).toMatchObject([{ error: 'Out of ink.' }]);
    expect(of(ended, 'job:cancelled')).toMatchObject([{ state: 'cancelled' }]);
  });
});

const transports = ['websocket', 'polling'];

test.each(transports)(
  '[SEE-28] a client that was away longer than the text’s 200 events comes back to its room and misses none, over %s',
  async (transport) => {
    const job = await producer.open();
    const client = connect({ transports: [transport] });
    client.socket.on('connect', () => client.socket.emit('subscribe', `job:${job}`));
    const chunks = (from: number, to: number) =>
      producer.append(
        job,
        ...Array.from({ length: to - from }, (_, n) => ({
          type: 'agent.token',
          data: { agentId: 'a', messageId: 'm', text: `${from + n} ` },
        })),
      );
    await vi.waitFor(() => expect(client.connects).toHaveLength(1), patience);
    await chunks(0, 10);
    await until(client, 'job:chunk');
    client.cut();
    for (let from = 10; from < 700; from += 10) await chunks(from, from + 10);
    await producer.append(job, completed);
    await until(client, 'job:completed');
    const text = inSequence(client).map(({ data }) => data.chunk ?? '');
    expect(text.join('')).toBe(Array.from({ length: 700 }, (_, n) => `${n} `).join(''));

    // A page that was opened anew says how far its store had got; without that it is told all of it.
    const late = connect();
    const middle = client.of('job:chunk')[0]?.seq as number;
    expect(await late.ask('subscribe', `job:${job}`, { after: String(middle) })).toEqual({ ok: true });
    await until(late, 'job:completed');
    const seqs = late.of('job:chunk', 'job:completed').map(({ seq }) => seq as number);
    expect(Math.min(...seqs)).toBe(middle + 1);
  },
);

test('[SEE-29] the job API does what its table says, keeps to the state machine, and wants a token where a secret is set', async () => {
  const auth = ['-H', `Authorization: Bearer ${token}`];
  const jobs = `${server.url}/api/jobs`;
  expect(curl('-X', 'POST', jobs, ...json, '-d', '{"type": "search"}')).toMatchObject({
    status: 401,
    body: { code: 'unauthorized' },
  });
  expect(curl('-X', 'POST', jobs, ...auth, ...json, '-d', '{"type": "nothing-of-that-name"}')).toMatchObject({
    status: 404,
    body: { code: 'workflow_not_found' },
  });
  const nodes = [{ id: 'search', task: 'search' }];
  const admin = new Producer(server.url, sign({ sub: 'root', roles: ['admin'] }));
  expect((await admin.call('PUT', '/api/workflows/search', { nodes })).status).toBeLessThan(300);

  const made = curl('-X', 'POST', jobs, ...auth, ...json, '-d', '{"type": "search", "query": "AI agents"}');
  expect(made).toMatchObject({
    status: 201,
    body: { type: 'search', state: 'created', input: { query: 'AI agents' } },
  });
  const id = made.body.jobId as string;
  const call = (method: string, path: string) => curl('-X', method, `${jobs}/${id}${path}`, ...auth);
  expect(call('GET', '')).toMatchObject({ status: 200, body: { jobId: id, state: 'created', progress: 0 } });
  expect(curl(jobs, ...auth).body.jobs).toContainEqual(expect.objectContaining({ jobId: id }));

  // Only running pauses, only paused resumes, what has ended has ended.
  for (const command of ['/pause', '/resume'])
    expect(call('POST', command)).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
  expect(call('PATCH', '/cancel')).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect(call('POST', '/pause').status).toBe(409);

  const other = await producer.open();
  await producer.append(other, ...(story[0] ?? []));
  const order = (method: string, path: string) => curl('-X', method, `${jobs}/${other}${path}`, ...auth);
  expect(order('POST', '/resume').status).toBe(409);
  expect(order('POST', '/pause')).toMatchObject({ status: 200, body: { state: 'paused' } });
  expect(order('POST', '/resume')).toMatchObject({ status: 200, body: { state: 'running' } });
  await producer.append(other, completed);
  expect(order('GET', '')).toMatchObject({ body: { state: 'completed', progress: 100, result: { pages: 3 } } });

  const stranger = ['-H', `Authorization: Bearer ${sign({ sub: 'eve', roles: ['user'] })}`];
  expect(curl(`${jobs}/${other}`, ...stranger)).toMatchObject({ status: 404, body: { code: 'run_not_found' } });
  expect(curl(jobs, ...stranger).body.jobs).toEqual([]);
});
