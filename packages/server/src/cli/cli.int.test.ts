import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const millrace = fileURLToPath(new URL('../../millrace.mjs', import.meta.url));
const patience = { timeout: 20_000, interval: 50 };

let folder: string;
let children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await rm(folder, { recursive: true, force: true });
});

/** A process of the command line, and what it has printed so far. */
class Cli {
  out = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(args: string[], env: Record<string, string> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    this.child = spawn(process.execPath, [millrace, ...args], {
      cwd: folder,
      env: { PATH, HOME, NO_COLOR: '1', MILLRACE_DATA: folder, ...env },
    });
    children.push(this.child);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (part: Buffer) => {
        this.out += part.toString();
      });
    }
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    return vi.waitFor(() => {
      const match = pattern.exec(this.out);
      if (!match) throw new Error(`No ${pattern} in:\n${this.out}`);
      return match;
    }, patience);
  }
}

async function run(args: string[], env: Record<string, string> = {}): Promise<{ code: number | null; out: string }> {
  const cli = new Cli(args, env);
  return { code: await cli.ended, out: cli.out };
}

async function start(port = '0'): Promise<{ cli: Cli; url: string; token: string; env: Record<string, string> }> {
  const cli = new Cli(['start', '--port', port]);
  const [, url = '', token = ''] = await cli.prints(/console +(http:\/\/[^/]+)\/\?token=(\S+)/);
  await cli.prints(/pid +\d+/);
  return { cli, url, token, env: { MILLRACE_URL: url } };
}

async function post(url: string, token: string, path: string, body: unknown): Promise<{ id: string }> {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as { id: string };
}

const note = (message: string) => ({ type: 'log', data: { level: 'info', message } });

test('[CLI-3] start prints an address that works, the data folder and its own pid, and stops on SIGTERM', async () => {
  const { cli, url, token } = await start();
  expect(cli.out).toContain(folder);
  expect(cli.out).toContain(`pid      ${cli.child.pid}`);
  const answer = await fetch(`${url}/api/runs`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  cli.child.kill('SIGTERM');
  expect(await cli.ended).toBe(0);
});

test('[CLI-4] a taken port is told in one line that names PORT', async () => {
  const { url } = await start();
  const second = await run(['start'], { PORT: new URL(url).port, MILLRACE_DATA: join(folder, 'other') });
  expect(second.code).toBe(1);
  expect(second.out).toMatch(/^Error: PORT is \d+, where another process listens already.*\(port_in_use\)/);
  expect(second.out).not.toContain('    at ');
});

test('[CLI-5] token makes tokens while the server runs, with the folder’s own secret', async () => {
  expect(await run(['token'])).toMatchObject({ code: 1, out: expect.stringContaining('holds no secret yet') });
  const { url } = await start();
  const { code, out } = await run(['token', '--user', 'ada', '--role', 'user', '--ttl', '15m']);
  expect(code).toBe(0);
  const answer = await fetch(`${url}/api/runs`, { headers: { authorization: `Bearer ${out.trim()}` } });
  expect(answer.status).toBe(200);
  const claims = JSON.parse(Buffer.from(out.split('.')[1] as string, 'base64url').toString());
  expect(claims).toMatchObject({ sub: 'ada', roles: ['user'], tenant: 'default' });
  expect(claims.exp - claims.iat).toBe(900);
  expect((await run(['token', '--role', 'king'])).out).toContain('--role is "king". Expected one of user, operator');
});

test('[CLI-6] trigger starts a run, runs lists it, and errors come with their fix', async () => {
  const { url, token, env } = await start();
  const nodes = [{ id: 'only', task: 't' }];
  await fetch(`${url}/api/workflows/hello`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ nodes }),
  });
  const triggered = await run(['trigger', 'hello', '--input', '{"n":1}'], env);
  expect(triggered.code).toBe(0);
  const listed = await run(['runs'], env);
  expect(listed.out).toContain(triggered.out.trim());
  expect(listed.out).toContain('hello  created  0/1');
  const refused = await run(['trigger', 'nothing'], env);
  expect(refused).toMatchObject({ code: 1, out: expect.stringContaining('workflow_not_found') });
  expect(refused.out).toContain('Start a worker that registers it');
  expect((await run(['trigger', 'hello', '--input', '{'], env)).out).toContain('--input is not JSON');
  expect((await run(['runs'], { MILLRACE_URL: 'http://127.0.0.1:1' })).out).toContain('No server answers');
});

test('[CLI-20] pause, resume, cancel and retry say what has become of the run', async () => {
  const { url, token, env } = await start();
  const { id } = await post(url, token, '/api/runs', { workflow: 'solo', nodes: [{ id: 'only', task: 't' }] });
  const { id: outside } = await post(url, token, '/api/runs', { workflow: 'outside', external: true });
  await post(url, token, `/api/runs/${outside}/events`, { type: 'run.started' });
  expect(await run(['pause', outside, '--reason', 'lunch'], env)).toEqual({ code: 0, out: `${outside}  paused\n` });
  expect((await run(['pause', outside], env)).out).toContain('(invalid_transition)');
  expect((await run(['resume', outside], env)).out).toContain('running');
  expect((await run(['retry', id], env)).out).toContain('(invalid_transition)');
  expect((await run(['cancel', id], env)).out).toBe(`${id}  cancelled\n`);
  const retried = await run(['retry', id, '--from', 'start', '--input', '{"n":2}'], env);
  expect([retried.code, retried.out]).toEqual([0, expect.stringMatching(/^[0-9a-f-]{36}\n$/)]);
  expect((await run(['retry', id, '--input', '{'], env)).out).toContain('--input is not JSON');
  expect((await run(['cancel', 'nothing'], env)).out).toContain('(run_not_found)');
}, 30_000);

test('[CLI-21] inbox lists what waits for people, schedules what starts by the clock', async () => {
  const { url, token, env } = await start();
  expect((await run(['inbox'], env)).out).toContain('nothing waits');
  const { id } = await post(url, token, '/api/runs', { workflow: 'outside', external: true });
  const ask = { type: 'approval.requested', data: { approvalId: 'go', title: 'Ship it?' } };
  await post(url, token, `/api/runs/${id}/events`, ask);
  expect((await run(['inbox'], env)).out).toMatch(new RegExp(`^${id} .* outside  approval go  Ship it\\?\n$`));
  expect((await run(['inbox', '--kind', 'sleep'], env)).out).toContain('(invalid_request)');
  await fetch(`${url}/api/schedules/nightly`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ workflow: 'report', cron: '0 3 * * *', timezone: 'Europe/Berlin' }),
  });
  expect((await run(['schedules'], env)).out).toMatch(/^nightly {2}report {2}0 3 \* \* \* Europe\/Berlin {2}next 20/);
  expect(await run(['schedules', '--remove', 'nightly'], env)).toEqual({ code: 0, out: 'nightly  removed\n' });
  expect((await run(['schedules', '--remove', 'nightly'], env)).out).toContain('(schedule_not_found)');
}, 30_000);

test('[CLI-7] tail shows every event once although the server is killed in the middle, and ends with the run', async () => {
  const first = await start();
  const port = new URL(first.url).port;
  const { id } = await post(first.url, first.token, '/api/runs', { workflow: 'outside', external: true });
  const events = `/api/runs/${id}/events`;
  await post(first.url, first.token, events, [note('one'), note('two')]);
  const tail = new Cli(['tail', id, '--json'], first.env);
  await tail.prints(/"two"/);

  first.cli.child.kill('SIGKILL');
  await tail.prints(/The server is gone/);
  const second = await start(port);
  await tail.prints(/The server is back/);
  await post(second.url, second.token, events, [note('three')]);
  await tail.prints(/"three"/);
  await post(second.url, second.token, events, {
    type: 'run.failed',
    data: { error: { code: 'task_failed', message: 'no' }, duration: 1 },
  });
  expect(await tail.ended).toBe(1);
  const seqs = [...tail.out.matchAll(/^\{"seq":(\d+)/gm)].map(([, seq]) => Number(seq));
  expect(seqs).toEqual(seqs.map((_, place) => place + 1));
  expect(seqs.length).toBeGreaterThanOrEqual(5);
});

test('[CLI-8] dev runs the worker of a file beside the server, and a new one when the file changes', async () => {
  const file = join(folder, 'worker.mjs');
  const worker = (name: string) => `
    const { MILLRACE_URL: url, MILLRACE_TOKEN: token } = process.env;
    const answer = await fetch(url + '/api/workers', {
      method: 'POST',
      headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' },
      body: JSON.stringify({ id: '${name}', tasks: [{ name: 't' }], concurrency: 1 }),
    });
    console.log('${name} is registered: ' + answer.status);
    setInterval(() => {}, 1000);
  `;
  await writeFile(file, worker('first'));
  const cli = new Cli(['dev', file, '--port', '0'], { MILLRACE_DATA: join(folder, '.data') });
  await cli.prints(/first is registered: 200/);
  await writeFile(file, worker('second'));
  await cli.prints(/second is registered: 200/);
  const [, pid] = /worker\.mjs, pid (\d+)\n(?![\s\S]*worker\.mjs)/.exec(cli.out) ?? [];
  cli.child.kill('SIGTERM');
  await cli.ended;
  await vi.waitFor(() => expect(() => process.kill(Number(pid), 0)).toThrow(), patience);
});

test('[CLI-9] doctor says what is wrong and how to mend it, and ends with 1 where something is', async () => {
  const fresh = await run(['doctor'], { PORT: '0' });
  expect(fresh.out).toContain('✓ Database: none yet');
  expect(fresh.out).toMatch(/Port: \d+ is free/);
  const { url, env, cli } = await start();
  const running = await run(['doctor'], { ...env, PORT: new URL(url).port });
  expect(running.out).toContain('✓ Database: in use by a running server');
  expect(running.out).toContain('✓ Token: accepted');
  expect(running.out).toContain('✓ Clock: same as the server');
  const bad = await run(['doctor'], { ...env, MILLRACE_TOKEN: 'garbage' });
  expect(bad).toMatchObject({ code: 1, out: expect.stringContaining('✗ Token') });
  cli.child.kill('SIGTERM');
  await cli.ended;
  await writeFile(join(folder, 'millrace.db'), 'this is no database');
  const damaged = await run(['doctor'], { PORT: '0' });
  expect(damaged).toMatchObject({ code: 1, out: expect.stringContaining('(database_corrupt)') });
  expect(damaged.out).toContain('Restore it from a backup');
});

test('[CLI-10] help and version need no server; an unknown command is told', async () => {
  expect((await run(['--help'])).out).toContain('doctor');
  expect((await run(['tail', '--help'])).out).toContain('cursor');
  expect((await run(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(await run(['strat'])).toMatchObject({ code: 1, out: expect.stringContaining('no command "strat"') });
});
