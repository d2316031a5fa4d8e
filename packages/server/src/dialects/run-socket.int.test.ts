import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createServer, type Server } from '../server.ts';

let server: Server;
let token: string;

beforeAll(async () => {
  server = await createServer({
    port: 0,
    store: 'memory',
    env: {},
    logLevel: 'silent',
    secret: 'a secret of the test',
  });
  token = await server.token({ sub: 'ada', roles: ['user', 'worker'] });
});
afterAll(() => server.close());

interface Told {
  event_type: string;
  timestamp: string;
  run_id: string;
  seq: number;
  data: Record<string, unknown>;
}

/** A stock socket that keeps what it is told. */
function follow(run: string, query = '', bearer = token): { socket: WebSocket; told: Told[]; types(): string[] } {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws/${run}?token=${bearer}${query}`);
  const told: Told[] = [];
  socket.on('message', (data) => told.push(JSON.parse(String(data)) as Told));
  socket.on('error', () => {});
  return { socket, told, types: () => told.map(({ event_type }) => event_type) };
}

const caller = { tenant: 'default', by: 'user:ada' };

async function external(): Promise<string> {
  const { id } = await server.engine.create(caller, {
    workflow: 'demo',
    external: true,
    nodes: [{ id: 'a', task: 'work' }],
    input: {},
  });
  return id;
}

test('[DIA-100] a run-socket tells that it is connected, then the present state, then what comes', async () => {
  const run = await external();
  await server.engine.append(caller, run, { events: [{ type: 'node.started', node: 'a', data: {} }] });
  const { socket, told, types } = follow(run);
  await vi.waitFor(() => expect(types()).toEqual(['connected', 'dag_created', 'workflow_started']));
  await server.engine.append(caller, run, {
    events: [
      { type: 'step.started', node: 'a', step: 'read', data: { name: 'read' } },
      { type: 'node.completed', node: 'a', data: { output: 1 } },
      { type: 'run.completed', data: { output: 2 } },
    ],
  });
  await vi.waitFor(() => expect(types()).toContain('workflow_completed'));
  expect(types().slice(3)).toEqual(['step_started', 'dag_node_status_changed', 'workflow_completed']);
  expect(told.at(-2)?.data).toMatchObject({ node_id: 'a', old_status: 'running', new_status: 'completed' });
  expect(told.every(({ run_id }) => run_id === run)).toBe(true);
  socket.close();
});

test('[DIA-101] whoever names the last timestamp it has seen is sent what came after it, once', async () => {
  const run = await external();
  const line = (n: number) => ({ type: 'metric', data: { name: `m${n}`, value: n } }) as const;
  await server.engine.append(caller, run, { events: [1, 2, 3].map(line) });
  const first = follow(run, '&seq=0');
  await vi.waitFor(() => expect(first.told.filter(({ event_type }) => event_type === 'metric_update')).toHaveLength(3));
  const last = first.told.at(-1)?.timestamp as string;
  first.socket.close();
  await server.engine.append(caller, run, { events: [4, 5].map(line) });
  const second = follow(run, `&since=${encodeURIComponent(last)}`);
  const metrics = () =>
    second.told.filter(({ event_type }) => event_type === 'metric_update').map(({ data }) => data.value);
  await vi.waitFor(() => expect(metrics()).toEqual([4, 5]));
  expect(second.types()[0]).toBe('reconnected');
  second.socket.close();
});

test('[DIA-102] another timestamp is inclusive: everything that happened then or later is sent', async () => {
  const run = await external();
  await server.engine.append(caller, run, { events: [{ type: 'metric', data: { name: 'm', value: 1 } }] });
  const { socket, types } = follow(run, '&since=2001-01-01T00:00:00.123456');
  await vi.waitFor(() => expect(types()).toContain('metric_update'));
  expect(types()[0]).toBe('reconnected');
  socket.close();
});

test('[DIA-103] ping, request_state, pause, resume and approval_response are answered; what is not understood is too', async () => {
  const run = await external();
  await server.engine.append(caller, run, {
    events: [
      { type: 'node.started', node: 'a', data: {} },
      { type: 'approval.requested', node: 'a', data: { approvalId: 'ok', title: 'Go on?' } },
    ],
  });
  const { socket, told, types } = follow(run);
  await vi.waitFor(() => expect(types()).toContain('approval_requested'));
  told.length = 0;
  const say = (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  say({ type: 'ping' });
  await vi.waitFor(() => expect(types()).toEqual(['pong']));
  say('no json');
  say({ type: 'dance' });
  say({ type: 'approval_response', approval_id: 'unknown', decision: 'approved' });
  await vi.waitFor(() => expect(types()).toEqual(['pong', 'error', 'error', 'error']));
  expect(told.at(-1)?.data).toMatchObject({ code: 'wait_not_found' });
  say({ type: 'pause' });
  await vi.waitFor(() => expect(types()).toContain('workflow_paused'));
  say({ type: 'resume' });
  await vi.waitFor(() => expect(types()).toContain('workflow_resumed'));
  say({ type: 'approval_response', approval_id: 'ok', decision: 'approved', comment: 'fine' });
  await vi.waitFor(() => expect(types()).toContain('approval_received'));
  told.length = 0;
  say({ type: 'request_state' });
  await vi.waitFor(() => expect(types()).toEqual(['dag_created', 'workflow_started']));
  socket.close();
});

test('[DIA-104] a bad token and a run that may not be seen are told, then the socket is closed with the code', async () => {
  const run = await external();
  const other = await server.token({ sub: 'bob' });
  for (const [bearer, code, close] of [
    ['nonsense', 'unauthorized', 4401],
    [other, 'run_not_found', 1008],
  ] as const) {
    const { socket, told, types } = follow(run, '', bearer);
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    expect(await closed).toBe(close);
    expect(types()).toEqual(['error', 'disconnected']);
    expect(told[0]?.data).toMatchObject({ code });
  }
});

test('[DIA-105] a server that stops says disconnected first', async () => {
  const stopping = await createServer({
    port: 0,
    store: 'memory',
    env: {},
    logLevel: 'silent',
    secret: 'a secret of the test',
  });
  const { id } = await stopping.engine.create(caller, {
    workflow: 'demo',
    external: true,
    nodes: [{ id: 'a', task: 'w' }],
  });
  const socket = new WebSocket(`${stopping.url.replace('http', 'ws')}/ws/${id}?token=${token}`);
  const types: string[] = [];
  socket.on('message', (data) => types.push((JSON.parse(String(data)) as Told).event_type));
  await vi.waitFor(() => expect(types).toContain('connected'));
  await stopping.close();
  await vi.waitFor(() => expect(types.at(-1)).toBe('disconnected'));
});
