import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createServer, type Server } from '../server.ts';

let server: Server;
let token: string;
const sockets: Socket[] = [];
const caller = { tenant: 'default', by: 'user:ada' };
const secret = 'a secret of the test';

beforeAll(async () => {
  server = await createServer({ port: 0, store: 'memory', env: {}, logLevel: 'silent', secret });
  token = await server.token({ sub: 'ada' });
});
afterAll(async () => {
  for (const socket of sockets) socket.disconnect();
  await server.close();
});

type Told = [event: string, data: Record<string, unknown>];

function connect(about: Record<string, unknown> = {}): { socket: Socket; told: Told[]; names(): string[] } {
  const socket = io(server.url, { query: { token }, forceNew: true, transports: ['websocket'], ...about });
  sockets.push(socket);
  const told: Told[] = [];
  socket.onAny((event: string, data: Record<string, unknown>) => {
    if (event !== 'position') told.push([event, data]);
  });
  return { socket, told, names: () => told.map(([event]) => event) };
}

async function external(owner = 'ada'): Promise<string> {
  const { id } = await server.engine.create(
    { tenant: 'default', by: `user:${owner}` },
    { workflow: 'demo', external: true, nodes: [{ id: 'a', task: 'work' }] },
  );
  return id;
}
const append = (run: string, events: unknown[]) =>
  server.engine.append(caller, run, { events: events as Parameters<typeof server.engine.append>[2]['events'] });
const started = { type: 'node.started', node: 'a', data: {} };
const told = (text: string) => ({ type: 'agent.token', node: 'a', data: { agentId: 'writer', messageId: 'm', text } });

test('[DIA-110] one socket in rooms of both kinds is told of a run in the words of each', async () => {
  const run = await external('bob');
  const operator = await server.token({ sub: 'op', roles: ['operator'] });
  const { socket, names } = connect({ query: { token: operator } });
  expect(await socket.emitWithAck('subscribe', `execution:${run}`)).toEqual({ ok: true });
  expect(await socket.emitWithAck('subscribe', `job:${run}`, { after: 0 })).toEqual({ ok: true });
  await append(run, [started]);
  await append(run, [{ type: 'run.completed', data: { output: 1 } }]);
  await vi.waitFor(() => expect(names()).toEqual(expect.arrayContaining(['execution:completed', 'job:completed'])));
  expect(names()).toEqual(expect.arrayContaining(['execution:started', 'node:started', 'job:started']));
  expect(names().some((name) => name.startsWith('agent:'))).toBe(false);
});

test("[DIA-111] a socket is in its user's room by itself, and each event carries an id by which a second delivery is known", async () => {
  const { socket, told: heard, names } = connect();
  await new Promise<void>((resolve) => socket.on('connect', resolve));
  await external('bob');
  const run = await external();
  await socket.emitWithAck('subscribe', `execution:${run}`);
  await append(run, [started]);
  await vi.waitFor(() => expect(names().filter((name) => name === 'node:started')).toHaveLength(2));
  expect(heard.every(([, { executionId }]) => executionId === run)).toBe(true);
  const ids = heard.filter(([name]) => name === 'node:started').map(([, { id }]) => id);
  expect(new Set(ids).size).toBe(1);
});

test("[DIA-112] an agent's room is told of its stream and nothing else, a turn's tokens as one", async () => {
  const run = await external('bob');
  const operator = await server.token({ sub: 'op', roles: ['operator'] });
  const { socket, told: heard, names } = connect({ query: { token: operator } });
  await socket.emitWithAck('subscribe', `agent:writer:${run}`);
  await append(run, [started, { type: 'agent.started', node: 'a', data: { agentId: 'writer', messageId: 'm' } }]);
  await append(run, ['Nobody ', 'misses ', 'it.'].map(told));
  await append(run, [{ type: 'agent.completed', node: 'a', data: { agentId: 'writer', messageId: 'm' } }]);
  await vi.waitFor(() => expect(names()).toEqual(['agent:streaming_start', 'agent:token', 'agent:streaming_end']));
  expect(heard[1]?.[1]).toMatchObject({ token: 'Nobody misses it.', cumulativeResponse: 'Nobody misses it.' });
});

test("[DIA-113] a knowledge base's room is told of its documents, whatever run works on them", async () => {
  const operator = await server.token({ sub: 'op', roles: ['operator'] });
  const { socket, told: heard, names } = connect({ query: { token: operator } });
  await socket.emitWithAck('subscribe', 'kb:handbook');
  const run = await external('bob');
  const document = (kbId: string) => ({ kbId, documentId: 'd1', fileName: 'a.md' });
  await append(run, [
    started,
    { type: 'kb.started', node: 'a', data: { ...document('other'), bytes: 10 } },
    { type: 'kb.started', node: 'a', data: { ...document('handbook'), bytes: 10 } },
    { type: 'kb.completed', node: 'a', data: { ...document('handbook'), chunks: 2, embeddings: 2 } },
  ]);
  await vi.waitFor(() => expect(names()).toEqual(['kb:upload_started', 'kb:upload_completed']));
  expect(heard.every(([, { knowledgeBaseId }]) => knowledgeBaseId === 'handbook')).toBe(true);
});

test('[DIA-114] an input is provided over the socket: a wrong answer is acknowledged with the reasons, a right one goes into the log', async () => {
  const run = await external();
  const schema = { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] };
  await append(run, [
    started,
    { type: 'input.requested', node: 'a', data: { inputId: 'age', prompt: 'How old?', schema } },
  ]);
  const { socket, names, told: heard } = connect();
  await socket.emitWithAck('subscribe', `execution:${run}`);
  await vi.waitFor(() => expect(names()).toContain('user_input:required'));
  expect(heard.find(([name]) => name === 'user_input:required')?.[1]).toMatchObject({ prompt: 'How old?' });
  const wrong = await socket.emitWithAck('user_input:provide', {
    executionId: run,
    inputId: 'age',
    value: { age: 'x' },
  });
  expect(wrong).toMatchObject({ code: 'input_invalid', errors: [expect.objectContaining({ path: 'age' })] });
  expect(await socket.emitWithAck('user_input:provide', { executionId: run, value: { age: 7 } })).toEqual({ ok: true });
  expect(
    await socket.emitWithAck('user_input:provide', { executionId: run, inputId: 'age', value: { age: 8 } }),
  ).toMatchObject({
    code: 'already_answered',
  });
});

test('[DIA-115] what may not be seen is refused as if it were not there, and what cannot be understood is named', async () => {
  const run = await external('bob');
  const { socket } = connect();
  for (const [channel, code] of [
    [`execution:${run}`, 'run_not_found'],
    [`job:${run}`, 'run_not_found'],
    ['user:bob', 'forbidden'],
    ['nonsense', 'invalid_message'],
    [{}, 'invalid_message'],
  ] as const) {
    expect(await socket.emitWithAck('subscribe', channel)).toMatchObject({ code });
  }
  const mine = await external();
  const refused = await socket.emitWithAck('subscribe', `execution:${mine}`, { after: 'x:y:z' });
  expect(refused).toMatchObject({ code: 'invalid_cursor' });
});

test('[DIA-116] a socket that comes back is in all of its rooms and is sent what it missed of each, once', async () => {
  const runs = [await external('bob'), await external('bob')];
  const operator = await server.token({ sub: 'ada', roles: ['operator'] });
  const { socket, told: heard } = connect({ query: { token: operator }, reconnectionDelay: 10 });
  for (const run of runs) await socket.emitWithAck('subscribe', `job:${run}`);
  const mine = await external();
  const chunk = (text: string) => ({ type: 'run.progress', data: { progress: 10, message: text } });
  for (const run of [...runs, mine]) await append(run, [chunk('one')]);
  const seen = () =>
    heard
      .filter(([name]) => name === 'job:progress' || name === 'execution:updated')
      .map(([name, data]) => `${name} ${data.jobId ?? data.id}`);
  await vi.waitFor(() => expect(seen().filter((text) => text.startsWith('job'))).toHaveLength(2));
  const before = seen().length;
  const back = new Promise<boolean>((resolve) => socket.once('connect', () => resolve(socket.recovered)));
  socket.io.engine.close();
  for (const run of [...runs, mine]) await append(run, [chunk('two')]);
  const later = await external();
  await append(later, [started]);
  expect(await back).toBe(true);
  await vi.waitFor(() => expect(seen().filter((text) => text.startsWith('job'))).toHaveLength(4));
  await vi.waitFor(() => expect(heard.some(([, { executionId }]) => executionId === later)).toBe(true));
  await vi.waitFor(() => expect(seen().length).toBeGreaterThan(before + 2));
  expect(new Set(seen().filter((text) => text.startsWith('execution'))).size).toBe(
    seen().filter((text) => text.startsWith('execution')).length,
  );
});

test('[DIA-117] a token that ends in mid-session is told, and then the transport closes', async () => {
  const short = await server.token({ sub: 'ada' }, 1);
  const { socket, names } = connect({ query: { token: short }, reconnection: false });
  const reason = await new Promise((resolve) => socket.on('disconnect', resolve));
  expect(reason).toBe('transport close');
  expect(names()).toEqual(['error']);
});
