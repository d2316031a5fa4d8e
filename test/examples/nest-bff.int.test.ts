import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { installLocked } from '../../bench/harness/install.ts';
import { Process } from '../process.ts';

const patience = { timeout: 20_000, interval: 20 };
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = new URL('../../examples/nest-bff/', import.meta.url);
const data = mkdtempSync(join(tmpdir(), 'millrace-nest-'));
let app: Process;
let api: string;
let sockets: string;

type Scripts = Record<'prestart' | 'start', string>;
const run = (command: string, args: string[], cwd: string | URL) => spawnSync(command, args, { cwd, encoding: 'utf8' });

beforeAll(async () => {
  installLocked('The NestJS example', folder);
  // As `npm start` has it.
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { scripts: Scripts };
  const [bundler = '', ...args] = scripts.prestart.split(' ');
  const bundled = run(`node_modules/.bin/${bundler}`, args, folder);
  if (bundled.status !== 0) throw new Error(bundled.stderr);
  app = new Process('examples/nest-bff/dist/main.js', [], { PORT: '0', WS_PORT: '0', MILLRACE_DATA: data });
  const [, port, ws] = await app.printed(/POST http:\/\/\S*?:(\d+)\/executions .* at (http:\S+)\/executions\./);
  api = `http://127.0.0.1:${port}`;
  sockets = ws as string;
}, 180_000);
afterAll(async () => {
  await app.kill('SIGTERM');
  rmSync(data, { recursive: true, force: true });
});

const post = async (path: string, body: object = {}) => {
  const answer = await fetch(`${api}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
};
const start = async (input: object) => (await post('/executions', { workflowId: 'answer', input })).body.id as string;
const logOf = async (id: string) => {
  const { token } = (await post('/executions/token')).body;
  const answer = await fetch(`${sockets}/api/runs/${id}/events?token=${token}`);
  const { events } = (await answer.json()) as { events: { type: string; node?: string }[] };
  return events.map(({ type, node }) => (node === undefined ? type : `${type} ${node}`));
};

test('[DIA-81] the NestJS example’s own types hold', () => {
  const checked = run('node_modules/.bin/tsc', ['--pretty', 'false', '-p', fileURLToPath(folder)], root);
  expect(checked.stdout).toBe('');
}, 60_000);

test('[DIA-81] POST /executions answers an id, and what the service emits stands in that execution’s log', async () => {
  const id = await start({ nodes: ['retrieve'], stepMs: 5 });
  const whole = [
    ...['run.created', 'run.started', 'node.started retrieve', 'node.progress retrieve'],
    ...['node.completed retrieve', 'run.completed'],
  ];
  await vi.waitFor(async () => expect(await logOf(id)).toEqual(whole), patience);
});

test('[DIA-81] Stop cancels it, and one that has ended is not stopped again', async () => {
  const id = await start({ nodes: ['long'], stepMs: 60_000 });
  await vi.waitFor(async () => expect(await logOf(id)).toContain('node.started long'), patience);
  expect(await post(`/executions/${id}/stop`)).toMatchObject({ status: 200, body: { id } });
  await vi.waitFor(async () => expect((await logOf(id)).at(-1)).toBe('run.cancelled'), patience);
  expect(await post(`/executions/${id}/stop`)).toMatchObject({ status: 409, body: { code: 'run_ended' } });
});

test('[DIA-81] a browser’s socket.io-client follows it at /executions', async () => {
  const { token } = (await post('/executions/token')).body;
  const socket: Socket = io(`${sockets}/executions`, { auth: { token }, transports: ['websocket', 'polling'] });
  try {
    const heard: [string, { executionId: string; nodeId?: string; status?: string; result?: unknown }][] = [];
    socket.onAny((event, message) => heard.push([event, message]));
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
    const id = await start({ nodes: ['retrieve', 'answer'], stepMs: 5 });
    socket.emit('subscribe', id);
    await vi.waitFor(() => {
      const ends = heard.filter(([event]) => event === 'result');
      expect(ends).toMatchObject([['result', { executionId: id, result: { nodes: 2 } }]]);
    }, patience);
    const nodes = heard.filter(([event, { status }]) => event === 'nodeStatus' && status === 'completed');
    expect(nodes.map(([, { nodeId }]) => nodeId)).toEqual(['retrieve', 'answer']);
  } finally {
    socket.disconnect();
  }
});
