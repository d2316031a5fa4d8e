import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type Served, serve } from '../http/served.suite.ts';

let served: Served;
const sockets: Socket[] = [];
const olga = { tenant: 'default', by: 'user:olga' };

beforeAll(async () => {
  served = await serve({ secret: 'a secret of the test', rateLimit: 1e6 });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect();
});
afterAll(() => served.close());

async function external(tags: string[] = []): Promise<string> {
  const { id } = await served.server.engine.create(olga, {
    ...{ workflow: 'demo', external: true, tags, nodes: [{ id: 'a', task: 'work' }] },
  });
  return id;
}
const append = (run: string, events: unknown[]) =>
  served.server.engine.append(olga, run, {
    events: events as Parameters<typeof served.server.engine.append>[2]['events'],
  });
const started = { type: 'node.started', node: 'a', data: {} };
const asked = (inputId: string) => ({ type: 'input.requested', node: 'a', data: { inputId, prompt: 'How old?' } });
const upload = (documentId: string) => ({
  ...{ type: 'kb.started', node: 'a' },
  data: { kbId: 'handbook', documentId, fileName: 'a.md' },
});

async function link(path: string, body: object): Promise<{ id: string; token: string }> {
  const made = await served.ask('olga', 'POST', path, { expiresIn: 3_600_000, ...body });
  expect(made.status).toBe(201);
  return made.body as { id: string; token: string };
}

function connect(token: string, about: object = {}, path = '/') {
  const options = { auth: { token }, forceNew: true, reconnection: false, transports: ['websocket'], ...about };
  const socket = io(served.server.url + path, options);
  sockets.push(socket);
  const told: [string, Record<string, unknown>][] = [];
  socket.onAny((event: string, data: Record<string, unknown>) => {
    if (event !== 'position') told.push([event, data]);
  });
  const over = new Promise<string>((resolve) => socket.once('disconnect', resolve));
  return { socket, told, over, names: () => told.map(([event]) => event) };
}

test('[DIA-129] a link for one run follows that run in every room, and is told of no other', async () => {
  const [mine, other] = [await external(), await external()];
  const { token } = await link(`/api/runs/${mine}/links`, { access: 'read' });
  const { socket, told } = connect(token);
  for (const kind of ['execution:', 'job:', 'agent:writer:']) {
    expect(await socket.emitWithAck('subscribe', kind + mine)).toEqual({ ok: true });
    expect(await socket.emitWithAck('subscribe', kind + other)).toMatchObject({ code: 'run_not_found' });
  }
  expect(await socket.emitWithAck('subscribe', 'user:olga')).toMatchObject({ code: 'forbidden' });
  expect(await socket.emitWithAck('subscribe', 'kb:handbook')).toEqual({ ok: true });
  for (const run of [other, mine]) await append(run, [started, asked('age'), upload('d')]);
  await vi.waitFor(() => expect(told.map(([name]) => name)).toContain('kb:upload_started'));
  expect(JSON.stringify(told)).not.toContain(other);
  const answer = { executionId: mine, inputId: 'age', value: 1 };
  expect(await socket.emitWithAck('user_input:provide', answer)).toMatchObject({ code: 'forbidden' });
  const ws = new WebSocket(`${served.server.url.replace('http', 'ws')}/ws/${other}?token=${token}`);
  expect(await new Promise((resolve) => ws.once('close', resolve))).toBe(1008);
});

test('[DIA-129] a link for one tag is told of its runs alone, however many others there are', async () => {
  const tagged = await external(['team']);
  await append(tagged, [started, upload('d')]);
  for (let n = 0; n < 501; n++) await external();
  const { token } = await link('/api/links', { access: 'read', tag: 'team' });
  const one = await link(`/api/runs/${tagged}/links`, { access: 'read' });
  for (const about of [token, one.token]) {
    const { socket, names } = connect(about);
    expect(await socket.emitWithAck('subscribe', 'kb:handbook')).toEqual({ ok: true });
    await vi.waitFor(() => expect(names()).toEqual(['kb:upload_started']));
  }
});

for (const transport of ['websocket', 'polling']) {
  test(`[DIA-130] a revoked link's open socket is told and cut, by ${transport}`, async () => {
    const run = await external();
    const { id, token } = await link(`/api/runs/${run}/links`, { access: 'read' });
    const both = [
      connect(token, { transports: [transport] }),
      connect(token, { transports: [transport] }, '/executions'),
    ];
    expect(await both[0]?.socket.emitWithAck('subscribe', `execution:${run}`)).toEqual({ ok: true });
    expect(await both[1]?.socket.emitWithAck('subscribe', run)).toEqual({ ok: true });
    await served.ask('olga', 'DELETE', `/api/links/${id}`);
    for (const { over, told } of both) {
      expect(await over).toMatch(/^transport (close|error)$/);
      expect(told.at(-1)).toEqual(['error', expect.objectContaining({ code: 'unauthorized' })]);
    }
    const again = connect(token);
    const refused = await new Promise<Error & { data?: unknown }>((resolve) =>
      again.socket.once('connect_error', resolve),
    );
    expect(refused.data).toMatchObject({ code: 'unauthorized' });
  });

  test(`[DIA-131] an answer spends a one-time link: it is acknowledged, then the socket is cut, by ${transport}`, async () => {
    const run = await external();
    await append(run, [started, asked('age'), asked('name')]);
    const { token } = await link(`/api/runs/${run}/links`, { access: 'act', oneTime: true });
    const { socket, over } = connect(token, { transports: [transport] });
    const answer = { executionId: run, inputId: 'age', value: 1 };
    expect(await socket.emitWithAck('user_input:provide', { ...answer, inputId: 'none' })).toMatchObject({
      code: 'wait_not_found',
    });
    expect(await socket.timeout(3_000).emitWithAck('user_input:provide', answer)).toEqual({ ok: true });
    expect(await over).toMatch(/^transport (close|error)$/);
    const control = await served.server.engine.control({ tenant: 'default', run });
    expect(control?.control.waits).toMatchObject({ age: { status: 'answered' }, name: { status: 'open' } });
  });
}

test('[DIA-132] a link for the answer to one wait, and a token without run:read, open nothing over a socket', async () => {
  const run = await external();
  await append(run, [started, asked('age')]);
  const wait = await link(`/api/runs/${run}/links`, { access: 'act', wait: 'age' });
  const blind = await served.server.token({ sub: 'olga', roles: ['operator'], scopes: ['run:append'] });
  for (const token of [wait.token, blind]) {
    const { socket, told } = connect(token);
    for (const channel of [`execution:${run}`, `job:${run}`, 'kb:handbook', 'user:olga']) {
      expect(await socket.emitWithAck('subscribe', channel)).toMatchObject({ code: 'forbidden' });
    }
    const answer = { executionId: run, inputId: 'age', value: 1 };
    expect(await socket.emitWithAck('user_input:provide', answer)).toMatchObject({ code: 'forbidden' });
    expect(told).toEqual([]);
    const executions = connect(token, {}, '/executions');
    expect(await executions.socket.emitWithAck('subscribe', run)).toMatchObject({ code: 'forbidden' });
    const ws = new WebSocket(`${served.server.url.replace('http', 'ws')}/ws/${run}?token=${token}`);
    expect(await new Promise((resolve) => ws.once('close', resolve))).toBe(1008);
  }
});
