import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Producer, ServerProcess } from './server-process.ts';
import { SocketClient } from './socketio-client.ts';
import { completed, failed, lines, story } from './story.ts';
import { sign } from './token.ts';

const patience = { timeout: 10_000, interval: 10 };
const token = sign({ sub: 'ada', roles: ['user'] });

let server: ServerProcess;
let producer: Producer;
beforeAll(async () => {
  server = await ServerProcess.start();
  producer = new Producer(server.url, sign({ sub: 'ada', scopes: ['run:read', 'run:act', 'run:append'] }));
});
afterAll(() => server.remove());

/** As the text has it: same origin, token in the query. */
function connect(options: object = {}, bearer = token): SocketClient {
  const client = new SocketClient(server.url, {
    ...{ query: { token: bearer }, reconnectionDelay: 100, reconnectionDelayMax: 200 },
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

const until = (client: SocketClient, event: string, count = 1) =>
  vi.waitFor(() => expect(client.of(event).length).toBeGreaterThanOrEqual(count), patience);

const ofRun = (client: SocketClient, run: string, event: string) =>
  client.of(event).filter(({ executionId }) => executionId === run);

/** The front end drops the second delivery of what came by another room. */
function once(client: SocketClient, run: string, event: string): Record<string, unknown>[] {
  const seen = new Set<unknown>();
  return ofRun(client, run, event).filter(({ id }) => !seen.has(id) && seen.add(id));
}

describe.each([
  ['what is negotiated', {}],
  ['websocket', { transports: ['websocket'] }],
  ['polling', { transports: ['polling'] }],
])('over %s', (_, options) => {
  test('[SEE-21] all eighteen events come with their fields', async () => {
    const client = connect(options);
    const run = await producer.open({ workflow: 'essay' });
    expect(await client.ask('subscribe', `execution:${run}`)).toEqual({ ok: true });
    expect(await client.ask('subscribe', `agent:writer:${run}`)).toEqual({ ok: true });
    expect(await client.ask('subscribe', 'kb:handbook')).toEqual({ ok: true });
    for (const events of story) await producer.append(run, ...events);
    const timeoutAt = Date.now() + 200;
    const question = { inputId: 'i1', prompt: 'How long?', schema: { type: 'integer', minimum: 1 }, timeoutAt };
    await producer.append(run, { type: 'input.requested', data: question });
    await until(client, 'user_input:timeout');
    await producer.append(run, failed);
    await until(client, 'execution:failed');
    const good = await producer.open({ workflow: 'note' });
    await client.ask('subscribe', `execution:${good}`);
    await producer.append(good, ...(story[0] ?? []), completed);
    await until(client, 'execution:completed');

    const of = (event: string) => once(client, run, event);
    expect(of('execution:started')).toMatchObject([
      { executionId: run, workflowId: 'essay', status: 'running', startTime: expect.stringMatching(/Z$/) },
    ]);
    expect(of('execution:updated')).toContainEqual(
      expect.objectContaining({ status: 'running', progress: 20, currentNode: 'plan', currentStep: 'Planning' }),
    );
    expect(of('execution:failed')).toMatchObject([{ error: 'Out of ink.', failedNode: 'write' }]);
    expect(once(client, good, 'execution:completed')).toMatchObject([
      { executionId: good, outputs: { pages: 3 }, duration: expect.any(Number) },
    ]);
    expect(of('node:started')).toMatchObject([
      { nodeId: 'plan', nodeType: 'planner', context: { executionId: run, attempt: 1 } },
      { nodeId: 'write', nodeType: 'writer' },
    ]);
    expect(of('node:completed')).toMatchObject([
      { nodeId: 'plan', outputs: { chapters: 2 }, duration: expect.any(Number) },
    ]);
    expect(of('node:failed')).toMatchObject([
      { nodeId: 'write', error: 'Out of ink.', retry: { attempt: 1, willRetry: false } },
    ]);
    expect(of('node:progress')).toMatchObject([{ nodeId: 'plan', progress: 40, currentStep: 'Thinking' }]);
    expect(of('user_input:required')).toMatchObject([
      { inputId: 'i1', prompt: 'How long?', expectedType: 'integer', validationRules: { type: 'integer', minimum: 1 } },
    ]);
    expect(of('user_input:timeout')).toMatchObject([{ inputId: 'i1', timeout: expect.any(Number), state: 'running' }]);
    expect(of('kb:upload_started')).toMatchObject([
      { knowledgeBaseId: 'handbook', fileName: 'rivers.pdf', fileSize: 1234 },
    ]);
    expect(of('kb:processing')).toMatchObject([
      { progress: 10, currentStep: 'extraction' },
      { progress: 90, currentStep: 'embedding' },
    ]);
    expect(of('kb:upload_completed')).toMatchObject([{ documentId: 'd1', chunkCount: 12, embeddingCount: 11 }]);
    expect(of('kb:upload_failed')).toMatchObject([{ documentId: 'd2', error: 'Not a PDF.', failedStep: 'extraction' }]);
    expect(of('agent:streaming_start')).toMatchObject([{ agentId: 'writer', executionId: run }]);
    expect(
      of('agent:token')
        .map(({ token }) => token)
        .join(''),
    ).toBe('Rivers flow.');
    expect(of('agent:token').at(-1)).toMatchObject({ cumulativeResponse: 'Rivers flow.' });
    expect(of('agent:streaming_end')[0]).toMatchObject({ fullResponse: 'Rivers flow.', tokenCount: 2 });
    expect(of('agent:tool_call')).toMatchObject([
      { toolName: 'search', arguments: { q: 'rivers' }, status: 'running' },
      { toolName: 'search', status: 'completed' },
    ]);
  });
});

test('[SEE-22] a room tells its members what is its own and nobody else anything; what comes by two rooms has one id', async () => {
  const watcher = connect();
  const agent = connect({}, sign({ sub: 'olga', roles: ['operator'] }));
  const documents = connect({}, sign({ sub: 'olaf', roles: ['operator'] }));
  const stranger = connect({}, sign({ sub: 'eve', roles: ['user'] }));
  for (const client of [watcher, agent, documents, stranger])
    await vi.waitFor(() => expect(client.connects).toHaveLength(1), patience);
  const run = await producer.open();
  expect(await agent.ask('subscribe', `agent:writer:${run}`)).toEqual({ ok: true });
  expect(await documents.ask('subscribe', 'kb:handbook')).toEqual({ ok: true });
  expect(await watcher.ask('subscribe', `execution:${run}`)).toEqual({ ok: true });
  expect(await stranger.ask('subscribe', `execution:${run}`)).toMatchObject({ error: expect.any(String) });
  for (const events of story) await producer.append(run, ...events);
  await producer.append(run, failed);
  await vi.waitFor(() => expect(ofRun(watcher, run, 'execution:failed')).toHaveLength(2), patience);
  await until(agent, 'agent:streaming_end', 2);
  await until(documents, 'kb:upload_failed');

  expect(stranger.heard.filter(({ event }) => event !== 'position')).toEqual([]);
  const kinds = (client: SocketClient) =>
    new Set(client.heard.filter(({ data }) => data.executionId === run).map(({ event }) => event.split(':')[0]));
  expect([...kinds(agent)]).toEqual(['agent']);
  expect([...kinds(documents)]).toEqual(['kb']);
  // By the user's room and by the execution's.
  expect(ofRun(watcher, run, 'node:completed')).toHaveLength(2);
  expect(once(watcher, run, 'node:completed')).toHaveLength(1);
  expect(ofRun(watcher, run, 'kb:upload_completed')).toHaveLength(1);

  expect(await watcher.ask('unsubscribe', `execution:${run}`)).toEqual({ ok: true });
});

const transports = ['websocket', 'polling'];

test.each(transports)(
  '[SEE-23] a connection that is lost comes back by itself with its rooms and goes on where it was, over %s',
  async (transport) => {
    const run = await producer.open();
    const client = connect({ transports: [transport] });
    client.socket.on('connect', () => client.socket.emit('subscribe', `execution:${run}`));
    const progress = (from: number, to: number) => {
      const steps = Array.from({ length: to - from }, (_, n) => `step ${from + n}`);
      return producer.append(
        run,
        ...steps.map((message) => ({ type: 'run.progress', data: { progress: 1, message } })),
      );
    };
    const steps = () => once(client, run, 'execution:updated').flatMap(({ currentStep }) => currentStep ?? []);
    await vi.waitFor(() => expect(client.connects).toHaveLength(1), patience);
    await progress(0, 50);
    await vi.waitFor(() => expect(steps()).toHaveLength(50), patience);
    client.cut();
    await progress(50, 300);
    await vi.waitFor(() => expect(steps()).toHaveLength(300), patience);
    await server.restart();
    await progress(300, 400);
    await producer.append(run, completed);
    await vi.waitFor(() => expect(ofRun(client, run, 'execution:completed')).not.toEqual([]), patience);
    expect(steps()).toEqual(Array.from({ length: 400 }, (_, n) => `step ${n}`));
    expect(client.connects.length).toBeGreaterThanOrEqual(3);
    expect(client.connects.slice(1)).not.toContainEqual({ recovered: false });
  },
);

test('[SEE-24] the input that a run waits for is asked for, and given: a wrong one is refused with what is wrong', async () => {
  const run = await producer.open();
  const client = connect();
  await client.ask('subscribe', `execution:${run}`);
  const schema = { type: 'object', required: ['pages'], properties: { pages: { type: 'integer' } } };
  await producer.append(run, ...(story[0] ?? []), {
    type: 'input.requested',
    node: 'plan',
    data: { inputId: 'i1', prompt: 'How long?', schema },
  });
  await until(client, 'user_input:required');
  const provide = (value: unknown) => client.ask('user_input:provide', { executionId: run, inputId: 'i1', value });
  const refused = await provide({ pages: 'many' });
  expect(refused).toMatchObject({ code: 'input_invalid', error: expect.any(String) });
  expect(JSON.stringify(refused)).toContain('pages');
  expect(await provide({ pages: 3 })).toEqual({ ok: true });
  expect(await provide({ pages: 4 })).toMatchObject({ error: expect.any(String) });
  const given = (await producer.events(run)).filter(({ type }) => type === 'input.provided');
  expect(given).toMatchObject([{ data: { inputId: 'i1', value: { pages: 3 } } }]);
});

test('[SEE-25] what the server does not understand, or does not grant, is answered with an error, and the connection goes on', async () => {
  const client = connect();
  for (const channel of ['execution:nobody-knows-it', 'galaxy:1', '', 7, null, {}])
    expect(await client.ask('subscribe', channel), String(channel)).toMatchObject({ error: expect.any(String) });
  client.socket.emit('subscribe', 'execution:nobody-knows-it');
  client.socket.emit('no:such:event', { some: 'data' });
  client.socket.emit('user_input:provide', 'nonsense');
  await until(client, 'error', 3);
  for (const error of client.of('error'))
    expect(error).toMatchObject({ error: expect.any(String), code: expect.any(String) });

  // One socket in rooms of two dialects, which tells the same run in the words of each.
  const run = await producer.open();
  for (const channel of [`execution:${run}`, `job:${run}`])
    expect(await client.ask('subscribe', channel)).toEqual({ ok: true });
  await producer.append(run, ...(lines(0, 2)[0] ?? []), ...(story[0] ?? []), completed);
  await until(client, 'execution:completed');
  await until(client, 'job:completed');
  expect(client.disconnects).toEqual([]);
});
