import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createServer, type Server } from '../../server/src/server.ts';
import { type Client, createClient } from './client.ts';
import { CuttingProxy } from './cutting-proxy.suite.ts';
import { History } from './history.ts';
import { inboxStore } from './inbox.ts';
import { knowledgeBaseStore } from './knowledge-base.ts';
import type { RunStore } from './run-store.ts';

let folder: string;
let server: Server;
let proxy: CuttingProxy;
let client: Client;
let network: (online: boolean) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-commands-'));
  server = await createServer({ env: {}, port: 0, store: 'sqlite', data: folder, logLevel: 'silent' });
  proxy = new CuttingProxy(server.ports[0] ?? 0);
  client = createClient({
    url: await proxy.listen(),
    token: await server.token({ sub: 'root', roles: ['admin'] }),
    policy: { backoffMin: 20, backoffMax: 100 },
    platform: {
      onNetwork: (listener) => {
        network = listener;
        return () => {};
      },
    },
  });
});

afterEach(async () => {
  client.disconnect();
  await proxy.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const caller = { tenant: 'default', by: 'user:root' };

/** An external run that is under way, and its store, up to date. */
async function following(): Promise<{ id: string; store: RunStore }> {
  const { id } = await server.engine.create(caller, { workflow: 'ext', external: true });
  await server.engine.append(caller, id, { events: [{ type: 'node.started', node: 'n', attempt: 1, data: {} }] });
  const store = client.run(id);
  store.subscribe(() => {});
  await expect.poll(() => store.getSnapshot().view?.control.status).toBe('running');
  return { id, store };
}

const types = async (id: string) => (await client.api.events(id)).events.map(({ type }) => type);

test('[CLT-65] commands that were given offline are in the log once when the connection is back, in their order', async () => {
  const { id, store } = await following();
  network(false);
  const ends = [store.command({ type: 'pause' }), store.command({ type: 'resume' }), store.command({ type: 'pause' })];
  await expect.poll(() => store.getSnapshot().pending.length).toBe(3);
  network(true);
  await Promise.all(ends);
  await expect.poll(() => store.getSnapshot().pending).toEqual([]);
  expect((await types(id)).filter((type) => /paused|resumed/.test(type))).toEqual([
    'run.paused',
    'run.resumed',
    'run.paused',
  ]);
  expect(store.getSnapshot().view?.control.status).toBe('paused');
});

test('[CLT-66] a key that was used with another command is refused with 409, and the first command stands', async () => {
  const { id, store } = await following();
  await store.command({ type: 'pause', reason: 'tea' }, 'k');
  await expect(store.command({ type: 'pause', reason: 'coffee' }, 'k')).rejects.toMatchObject({
    code: 'idempotency_conflict',
    row: { http: 409 },
  });
  expect((await types(id)).filter((type) => type === 'run.paused')).toHaveLength(1);
});

test('[CLT-67] a command on a state that somebody else has changed since is refused, and says so', async () => {
  const { id, store } = await following();
  proxy.cut();
  network(false);
  await server.engine.command({ ...caller, by: 'user:other' }, id, { type: 'pause' });
  await server.engine.command({ ...caller, by: 'user:other' }, id, { type: 'resume' });
  const end = store.command({ type: 'cancel' });
  network(true);
  await expect(end).rejects.toMatchObject({ code: 'outdated' });
  expect(store.getSnapshot()).toMatchObject({ pending: [], refused: { command: { type: 'cancel' } } });
  await expect.poll(() => store.getSnapshot().view?.control.status).toBe('running');
});

test('[CLT-68] history of a real log, in pages that are bounded in bytes', async () => {
  const { id, store } = await following();
  const message = 'x'.repeat(2_000);
  for (let n = 0; n < 4; n++) {
    const events = Array.from({ length: 600 }, () => ({
      type: 'log' as const,
      data: { level: 'info' as const, message },
    }));
    await server.engine.append(caller, id, { events });
  }
  await expect.poll(() => store.getSnapshot().view?.seq).toBeGreaterThan(2_400);
  const head = store.getSnapshot().view?.seq ?? 0;
  const events = await store.history(1, head + 100);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: head }, (_, at) => at + 1));
  const wrong = new History('other', (after, limit) => client.api.events(id, { after, limit }));
  await expect(wrong.range(1, 5)).rejects.toMatchObject({ code: 'invalid_cursor' });
});

test('[CLT-69] [CLT-70] the inbox and a knowledge base follow a real run', async () => {
  const { id } = await following();
  const inbox = inboxStore(client);
  const base = knowledgeBaseStore(client, 'kb');
  for (const store of [inbox, base]) store.subscribe(() => {});
  const place = { node: 'n', attempt: 1 };
  const document = { kbId: 'kb', documentId: 'd', fileName: 'd.md' };
  await server.engine.append(caller, id, {
    events: [
      { type: 'kb.started', ...place, data: { ...document, bytes: 9 } },
      { type: 'kb.processing', ...place, data: { ...document, phase: 'chunking', progress: 30 } },
      { type: 'approval.requested', ...place, data: { approvalId: 'a', title: 'Go on?' } },
    ],
  });
  await expect.poll(() => inbox.getSnapshot().value, { timeout: 10_000 }).toMatchObject([{ run: id, title: 'Go on?' }]);
  await expect
    .poll(() => base.getSnapshot().value, { timeout: 10_000 })
    .toMatchObject([{ documentId: 'd', status: 'processing', phase: 'chunking', progress: 30 }]);
  await client.run(id).approve('a', 'approved');
  await server.engine.append(caller, id, {
    events: [{ type: 'kb.completed', ...place, data: { ...document, chunks: 2, embeddings: 2 } }],
  });
  await expect.poll(() => inbox.getSnapshot().value, { timeout: 10_000 }).toEqual([]);
  await expect
    .poll(() => base.getSnapshot().value, { timeout: 10_000 })
    .toMatchObject([{ status: 'completed', chunks: 2 }]);
});
