import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PostgresProcess } from '../bus/postgres.rig.ts';
import { createServer, type Server } from '../server.ts';

const millrace = fileURLToPath(new URL('../../millrace.mjs', import.meta.url));
const secret = 'both servers share it';

let postgres: PostgresProcess;
const folder = mkdtempSync(join(tmpdir(), 'millrace-migrate-'));
beforeAll(async () => {
  postgres = await PostgresProcess.start();
});
afterAll(async () => {
  await postgres.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function migrate(from: string, to: string): Promise<{ code: number | null; out: string; err: string }> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [millrace, 'migrate', '--from', from, '--to', to], {
    env: { PATH, HOME, NO_COLOR: '1', REDIS_URL: 'redis://127.0.0.1:1' },
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (part: Buffer) => {
    said.out += String(part);
  });
  child.stderr.on('data', (part: Buffer) => {
    said.err += String(part);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...said })));
}

async function ask(server: Server, method: string, path: string, body?: unknown): Promise<Response> {
  const token = await server.token({ sub: 'root', roles: ['admin'] });
  return fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

test('[CLI-40] migrate takes a stopped server’s runs to Postgres, where their readers go on', async () => {
  const about = { port: 0, logLevel: 'silent' as const, secret };
  const before = await createServer({ ...about, data: folder, env: {} });
  const created = await ask(before, 'POST', '/api/runs', { workflow: 'x', external: true });
  const { id } = (await created.json()) as { id: string };
  const events = [{ type: 'log', data: { level: 'info', message: 'x'.repeat(70_000) } }];
  expect((await ask(before, 'POST', `/api/runs/${id}/events`, events)).ok).toBe(true);
  const log = await before.store.readLog({ tenant: 'default', run: id }, 0, { events: 99, bytes: 1e9 });
  const to = postgres.url();
  const early = await migrate(folder, to);
  expect([early.code, early.err]).toEqual([1, expect.stringContaining('data_folder_in_use')]);
  await before.close();

  const { code, out, err } = await migrate(folder, to);
  expect([code, err]).toEqual([0, `${log?.head} of ${log?.head} events\n`]);
  expect(out).toContain(`1 runs and ${log?.head} events are now in postgres://127.0.0.1:${postgres.port}/postgres.`);
  expect(out).not.toContain('secret');

  const after = await createServer({ ...about, data: folder, env: { DATABASE_URL: to } });
  try {
    expect(after.store.epoch).toBe(before.store.epoch);
    expect(await after.store.readLog({ tenant: 'default', run: id }, 0, { events: 99, bytes: 1e9 })).toEqual(log);
    expect((await ask(after, 'POST', `/api/runs/${id}/events`, events)).ok).toBe(true);
  } finally {
    await after.close();
  }
});

test('[CLI-41] migrate refuses what it cannot copy from or to, says why, and ends with 1', async () => {
  const none = await migrate(join(folder, 'nothing'), postgres.url());
  expect([none.code, none.err]).toEqual([
    1,
    expect.stringMatching(/no millrace\.db in .*nothing.*\(config_invalid\)/s),
  ]);
  const nowhere = await migrate(folder, 'mysql://127.0.0.1/x');
  expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining('Expected postgres://')]);
  const used = await migrate(folder, postgres.url());
  expect([used.code, used.err]).toEqual([1, expect.stringContaining('in use by Millrace already')]);
});
