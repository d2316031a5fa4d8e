import { describe, expect, test, vi } from 'vitest';
import type { InboxItem, KnowledgeDocument } from './api.ts';
import { type Client, createClient } from './client.ts';
import { FakeServer, settle } from './fake-server.suite.ts';
import { inboxStore } from './inbox.ts';
import { knowledgeBaseStore } from './knowledge-base.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';

/** A client of a server that also answers what these stores read, and counts how often. */
function setup() {
  const server = new FakeServer();
  const clock = new SimulatedClock();
  const waits: InboxItem[] = [];
  const documents: KnowledgeDocument[] = [];
  const reads: string[] = [];
  const { WebSocket } = server;
  const fetch: typeof server.fetch = async (input, init) => {
    const { pathname, search } = new URL(String(input));
    if (!/^\/api\/(inbox|kb)/.test(pathname)) return server.fetch(input, init);
    await Promise.resolve();
    if (!server.up) throw new TypeError('fetch failed');
    reads.push(pathname + search);
    return Response.json(pathname === '/api/inbox' ? { waits } : { documents });
  };
  const platform = { WebSocket, fetch, random: () => 0.5, onNetwork: () => () => {} };
  const client: Client = createClient({ url: 'http://millrace.test', token: 'good', clock, platform });
  const later = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { server, clock, client, waits, documents, reads, later };
}

const question = (run: string): InboxItem => ({
  ...{ run, id: 'publish', kind: 'approval', node: 'n', workflow: 'w', title: 'Publish?', requestedAt: 1 },
});

describe('[CLT-69] the inbox', () => {
  async function inbox(query = {}) {
    const all = setup();
    all.server.append('r', 1);
    const store = inboxStore(all.client, query);
    const told = vi.fn();
    const leave = store.subscribe(told);
    await settle();
    return { ...all, store, told, leave };
  }
  const wait = ({ server }: { server: FakeServer }, run: string, openWaits: number) => {
    const row = { ...server.row(run), openWaits };
    server.socket.send({ type: 'row', list: [...server.socket.lists][0] ?? 0, row });
  };

  test('shows what is asked, and a new question as soon as its run waits', async () => {
    const { store, waits, later, ...all } = await inbox({ workflow: 'w' });
    expect(store.getSnapshot()).toEqual({ status: 'ready', value: [], continuity: 'complete', error: undefined });
    expect(all.reads).toEqual(['/api/inbox?workflow=w']);
    waits.push(question('r'));
    wait(all, 'r', 1);
    await later(1_000);
    expect(store.getSnapshot().value).toEqual([question('r')]);
    waits.length = 0;
    wait(all, 'r', 0);
    await later(1_000);
    expect(store.getSnapshot().value).toEqual([]);
  });

  test('is read at most once a second, and not for runs that wait for nothing', async () => {
    const { server, reads, later } = await inbox();
    server.append('r', 50);
    await later(5_000);
    expect(reads).toHaveLength(1);
    for (let n = 0; n < 20; n++) {
      server.log('r').push(server.log('r')[0]!);
      wait({ server }, 'r', 1);
    }
    await later(1_000);
    await later(5_000);
    expect(reads.length).toBeLessThanOrEqual(3);
  });

  test('keeps what it shows, as a gap, while it cannot be read; lets go when nobody looks', async () => {
    const { server, store, reads, waits, later, leave } = await inbox();
    waits.push(question('r'));
    server.up = false;
    wait({ server }, 'r', 1);
    await later(1_000);
    expect(store.getSnapshot()).toMatchObject({ status: 'error', continuity: 'gap', error: { code: 'unreachable' } });
    server.up = true;
    await later(5_000);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', continuity: 'complete', value: [{ run: 'r' }] });
    leave();
    await later(5_000);
    const before = reads.length;
    await later(60_000);
    expect([reads.length, server.socket.lists.size]).toEqual([before, 0]);
  });
});

test('[CLT-70] a knowledge base shows its documents, and how far those are that a run processes now', async () => {
  const { server, client, documents, later } = setup();
  server.append('r', 2);
  const told = { kbId: 'kb', documentId: 'd', fileName: 'd.pdf' };
  documents.push({ ...told, run: 'r', status: 'processing', at: 1 });
  documents.push({ ...told, documentId: 'old', run: 'gone', status: 'completed', at: 0, chunks: 3, embeddings: 3 });
  const store = knowledgeBaseStore(client, 'kb');
  const leave = store.subscribe(() => {});
  await settle();
  expect(store.getSnapshot()).toMatchObject({ status: 'ready', value: [{ documentId: 'd' }, { chunks: 3 }] });
  const followed = [...server.socket.subscriptions.values()];
  expect(
    followed.map(({ run }) => run),
    'only runs that process',
  ).toEqual(['r']);
  const log = server.log('r');
  for (const event of [
    { type: 'kb.started' as const, data: told },
    { type: 'kb.processing' as const, data: { ...told, phase: 'chunking' as const, progress: 40 } },
  ])
    log.push({ ...event, seq: log.length + 1, at: 5, node: 'a', attempt: 1 });
  server.append('r', 1);
  await later(1_000);
  expect(store.getSnapshot().value[0]).toMatchObject({ documentId: 'd', phase: 'chunking', progress: 40 });
  documents[0] = { ...told, run: 'r', status: 'completed', at: 9, chunks: 7, embeddings: 7 };
  server.append('r', 1);
  await later(1_000);
  expect(store.getSnapshot().value[0]).toEqual(documents[0]);
  await later(2_000);
  expect(server.socket.subscriptions.size, 'nobody processes any more').toBe(0);
  leave();
  await later(5_000);
  expect(server.socket.lists.size).toBe(0);
});
