import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorker, task } from '@millrace/worker';
import { createServer } from 'millrace';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Process } from './process.ts';

let folder: string;
const started: Process[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-drain-'));
});
afterEach(async () => {
  for (const process of started.splice(0)) await process.kill();
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string>): Promise<{ server: Process; url: string; token: string }> {
  const server = new Process('packages/server/src/main.ts', ['start'], { PORT: '0', MILLRACE_DATA: folder, ...env });
  started.push(server);
  const [, url = '', token = ''] = await server.printed(/console {2}(http:\S+)\/\?token=(\S+)/);
  return { server, url, token };
}

const status = async (url: string) => (await fetch(url)).status;

describe('a server that is told to stop', () => {
  test('[CLU-23] says for the time to drain that it is not ready while it still serves, and then ends with 0', async () => {
    const { server, url, token } = await start({ MILLRACE_DRAIN_MS: '1500' });
    expect(await status(`${url}/api/health/ready`)).toBe(200);
    server.child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await status(`${url}/api/health/ready`)).toBe(503));
    expect(await (await fetch(`${url}/api/health`)).json()).toMatchObject({ status: 'stopping' });
    const created = await fetch(`${url}/api/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ workflow: 'late', external: true }),
    });
    expect(created.status).toBe(201);
    expect(await server.exited).toBe(0);
  });

  test('[CLU-24] ends at once when it is told a second time', async () => {
    const { server, url } = await start({ MILLRACE_DRAIN_MS: '600000' });
    server.child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await status(`${url}/api/health/ready`)).toBe(503));
    server.child.kill('SIGTERM');
    expect(await server.exited).toBe(1);
  });

  test('[CLU-25] first carries out what was to be done before: its connections are still open then', async () => {
    const server = await createServer({ env: {}, port: 0, data: folder, store: 'memory', logLevel: 'silent' });
    const seen: number[] = [];
    server.onClose(async () => {
      seen.push(await status(`${server.url}/api/health/ready`), await status(`${server.url}/api/health`));
    });
    await server.close();
    expect(seen).toEqual([503, 200]);
  });

  test('[CLU-25] by that a worker of the same process hands its attempts back, for others to take at once', async () => {
    const server = await createServer({ env: {}, port: 0, data: folder, logLevel: 'silent' });
    const begun = Promise.withResolvers<void>();
    const endless = task('endless', (ctx) => {
      begun.resolve();
      return new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)));
    });
    const worker = createWorker({ link: server.localLink(), tasks: [endless] });
    server.onClose(() => worker.stop());
    await worker.start();
    const ada = { tenant: 'default', by: 'user:ada' };
    const run = { workflow: 'endless', nodes: [{ id: 'it', task: 'endless' }] };
    const { id } = await server.engine.create(ada, run);
    await begun.promise;
    await server.close();
    const next = await createServer({ env: {}, port: 0, data: folder, logLevel: 'silent' });
    try {
      const page = await next.store.readLog({ tenant: 'default', run: id }, 2, { events: 10, bytes: 100_000 });
      expect(JSON.parse(`[${page?.text}]`)).toMatchObject([{ type: 'node.parked', data: { reason: 'draining' } }]);
    } finally {
      await next.close();
    }
  });
});
