import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createServer, type Server } from 'millrace';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installLocked } from '../../bench/harness/install.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = new URL('../../examples/temporal-activity/', import.meta.url);
let server: Server;
let token: string;

beforeAll(async () => {
  installLocked('The Temporal example', folder);
  server = await createServer({ env: {}, port: 0, store: 'memory', logLevel: 'silent' });
  token = await server.token({ sub: 'temporal', roles: ['operator', 'worker'] });
}, 180_000);
afterAll(() => server.close());

test('[DIA-80] the Temporal example’s own types hold', () => {
  const { stdout } = spawnSync('node_modules/.bin/tsc', ['--pretty', 'false', '-p', fileURLToPath(folder)], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
}, 60_000);

interface Logged {
  type: string;
  node?: string;
  attempt?: number;
  data: { progress?: number; message?: string; reason?: string; error?: { message: string } };
}

test('[DIA-80] activities in Temporal’s test environment are nodes of one external run: attempts, heartbeats, ends', async () => {
  const child = spawn(process.execPath, ['src/mocked.ts'], {
    cwd: folder,
    env: { PATH: process.env.PATH, MILLRACE_URL: server.url, MILLRACE_TOKEN: token },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = await text(child.stdout);
  expect(said).toMatch(/^users: \{"table":"users","parts":4\} heartbeats 4$/m);
  expect(said).toMatch(/^logs: .*CANCELLED/m);
  // What Millrace refuses is told, and the activity ends as ever.
  expect(said).toMatch(/^failed: .*run_ended[\s\S]*^late: \{"table":"late","parts":1\}$/m);

  const run = /^run: (\S+)$/m.exec(said)?.[1];
  const answer = await fetch(`${server.url}/api/runs/${run}/events?limit=1000&token=${token}`);
  const { events } = (await answer.json()) as { events: Logged[] };
  const of = (node: string) => events.filter((event) => event.node === node);
  const movesOf = (node: string) =>
    of(node).map(({ type, attempt }) => `${type.replace('node.', '')}${attempt === undefined ? '' : ` ${attempt}`}`);
  expect(movesOf('users')).toEqual(['started 1', ...Array(4).fill('progress 1'), 'completed 1']);
  expect(of('users').flatMap(({ data }) => data.message ?? [])).toEqual(['1 of 4', '2 of 4', '3 of 4', '4 of 4']);
  expect(movesOf('orders').map((move) => move.replace('queued 2', 'queued'))).toEqual([
    ...['started 1', 'retrying 1', 'queued', 'started 2', 'progress 2', 'completed 2'],
  ]);
  expect(movesOf('empty')).toEqual(['started 1', 'failed 1']);
  expect(movesOf('last')).toEqual(['queued 2', 'started 2', 'failed 2']);
  expect(movesOf('listed')).toEqual(['started 1', 'failed 1']);
  expect(of('last').at(-1)?.data.error?.message).toBe('The disk is full.');
  expect(of('logs').at(-1)).toMatchObject({ type: 'node.cancelled', data: { reason: 'CANCELLED' } });
  expect(events.at(0)?.type).toBe('run.created');
  expect(events.at(-1)?.type).toBe('run.completed');
}, 60_000);
