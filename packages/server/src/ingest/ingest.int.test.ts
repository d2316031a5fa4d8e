import { createClient, knowledgeBaseStore } from '@millrace/client';
import type { RunEvent } from '@millrace/protocol';
import { createWorker, task, workflow } from '@millrace/worker';
import { ingestTask, ingestWorkflow } from '@millrace/worker/ingest';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Answer, type Served, serve } from '../http/served.suite.ts';

const GUIDE = `# Marmots

They live in the mountains and whistle.

## Food

Marmots eat herbs, and in autumn they eat more of them. They validate nothing.

## Winter

In winter they sleep for six months under the snow.
`;

let served: Served;
const sockets: Socket[] = [];
beforeAll(async () => {
  served = await serve();
});
afterAll(async () => {
  for (const socket of sockets) socket.disconnect();
  await served.close();
});

type Body = string | Uint8Array | Record<string, unknown>;
const post = (kb: string, body: Body, headers: Record<string, string> = {}, query = '', on = served): Promise<Answer> =>
  on.ask('ada', 'POST', `/api/kb/${kb}/documents${query}`, body, headers);
const markdown = { 'content-type': 'text/markdown' };

async function eventsOf(run: unknown, on = served): Promise<RunEvent[]> {
  const { body } = await on.ask('olga', 'GET', `/api/runs/${run}/events?limit=1000`);
  return body.events as RunEvent[];
}

async function ended(run: unknown, on = served): Promise<string> {
  return vi.waitFor(
    async () => {
      const { body } = await on.ask('olga', 'GET', `/api/runs/${run}`);
      expect(['completed', 'failed', 'cancelled']).toContain(body.status);
      return body.status as string;
    },
    { timeout: 10_000, interval: 20 },
  );
}

describe('POST /api/kb/{kbId}/documents', () => {
  test('[KB-1] [KB-5] [KB-6] starts a run of ingest that tells kb.started first, then the phases in order, then its counts', async () => {
    const { status, headers, body } = await post('animals', GUIDE, markdown, '?name=marmots.md');
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/api/runs/${body.run}`);
    expect(body).toMatchObject({ documentId: 'marmots.md', repeated: false });
    expect(await ended(body.run)).toBe('completed');

    const events = await eventsOf(body.run);
    expect(events[0]).toMatchObject({ type: 'run.created', data: { workflow: 'ingest', owner: 'ada' } });
    const told = events.filter(({ type }) => type.startsWith('kb.'));
    const document = { kbId: 'animals', documentId: 'marmots.md', fileName: 'marmots.md' };
    expect(told[0]).toMatchObject({ type: 'kb.started', data: { ...document, bytes: Buffer.byteLength(GUIDE) } });
    const content = events.filter(({ type }) => /^(kb|log|agent|node\.progress|file)/.test(type));
    expect(content[0]?.type).toBe('kb.started');
    const processing = told.filter((event) => event.type === 'kb.processing');
    expect([...new Set(processing.map(({ data }) => data.phase))]).toEqual([
      'extraction',
      'chunking',
      'embedding',
      'indexing',
    ]);
    for (const phase of new Set(processing.map(({ data }) => data.phase))) {
      const percents = processing.filter(({ data }) => data.phase === phase).map(({ data }) => data.progress);
      expect([percents.at(0), percents.at(-1)]).toEqual([0, 100]);
    }
    expect(told.at(-1)).toMatchObject({ type: 'kb.completed', data: { ...document, chunks: 3, embeddings: 3 } });

    const file = await served.ask('olga', 'GET', `/api/files/${body.sha256}`);
    expect(file.text).toBe(GUIDE);
    const list = await served.ask('olga', 'GET', '/api/kb/animals/documents');
    expect(list.body.documents).toMatchObject([{ ...document, status: 'completed', chunks: 3, run: body.run }]);
  });

  test('[KB-2] takes JSON with the text, or with a file that is stored already', async () => {
    const text = await post('json', { fileName: 'a.txt', text: 'One plain sentence.', documentId: 'a' });
    expect(text.body).toMatchObject({ documentId: 'a' });
    const stored = await served.ask('ada', 'PUT', '/api/files', GUIDE, markdown);
    const byFile = await post('json', { fileName: 'b.md', file: stored.body.$blob });
    expect(byFile.body).toMatchObject({ documentId: 'b.md', sha256: stored.body.$blob });
    expect(await Promise.all([text.body.run, byFile.body.run].map((run) => ended(run)))).toEqual([
      'completed',
      'completed',
    ]);
    expect((await post('json', { fileName: 'c.md', file: 'f'.repeat(64) })).body.code).toBe('file_not_found');
  });

  test('[KB-3] the same idempotency key starts one run, and is refused for another document', async () => {
    const key = { ...markdown, 'idempotency-key': 'upload-1' };
    const first = await post('once', GUIDE, key, '?name=a.md');
    const again = await post('once', GUIDE, key, '?name=a.md');
    expect(again.body).toMatchObject({ run: first.body.run, repeated: true });
    expect(await ended(first.body.run)).toBe('completed');
    expect((await post('once', `${GUIDE}!`, key, '?name=a.md')).body.code).toBe('idempotency_conflict');
  });

  test('[KB-4] says what is wrong with a document that it does not take, and starts nothing', async () => {
    const before = await served.written();
    const wrong: [Body, Record<string, string>, string, string][] = [
      [GUIDE, markdown, '', 'invalid_request'],
      ['', markdown, '?name=a.md', 'invalid_request'],
      [new Uint8Array(2 * 1024 * 1024 + 1), markdown, '?name=a.md', 'payload_too_large'],
      [GUIDE, { 'content-type': 'multipart/form-data; boundary=x' }, '?name=a.md', 'invalid_request'],
      [{ fileName: 'a.md' }, {}, '', 'invalid_request'],
      [{ fileName: 'a.md', text: 'x', file: 'f'.repeat(64) }, {}, '', 'invalid_request'],
      [GUIDE, markdown, `?name=${'a'.repeat(200)}`, 'invalid_request'],
    ];
    for (const [body, headers, query, code] of wrong) {
      const answer = await post('kb', body, headers, query);
      expect([answer.body.code, String(answer.body.detail).length > 10], query).toEqual([code, true]);
    }
    const large = await served.ask('ada', 'PUT', '/api/files', new Uint8Array(2 * 1024 * 1024 + 1), markdown);
    const byFile = await post('kb', { fileName: 'a.md', file: large.body.$blob });
    expect([byFile.status, byFile.body.code]).toEqual([413, 'payload_too_large']);
    expect((await served.ask('will', 'POST', '/api/kb/kb/documents?name=a.md', GUIDE, markdown)).status).toBe(403);
    expect(await served.written()).toEqual(before);
  });

  test('[KB-7] what cannot be read fails in its phase with the reason, and is not tried again', async () => {
    const failures = [
      { name: 'a.pdf', type: 'application/pdf', body: '%PDF-1.7', reason: /a\.pdf .*cannot be read.*Markdown/ },
      { name: 'b.md', type: 'text/markdown', body: new Uint8Array([0xff, 0xfe, 0x00]), reason: /not UTF-8/ },
      { name: 'c.txt', type: 'text/plain', body: '  \n ', reason: /no text in c\.txt/ },
    ];
    for (const { name, type, body, reason } of failures) {
      const answer = await post('failing', body, { 'content-type': type }, `?name=${name}`);
      expect(await ended(answer.body.run)).toBe('failed');
      const events = await eventsOf(answer.body.run);
      const failed = events.filter((event) => event.type === 'kb.failed');
      expect(failed).toHaveLength(1);
      expect(failed[0]).toMatchObject({ data: { fileName: name, failedPhase: 'extraction' } });
      expect(failed[0]?.data.error).toMatch(reason);
      expect(events.filter((event) => event.type === 'node.started')).toHaveLength(1);
    }
    const { body } = await served.ask('olga', 'GET', '/api/kb/failing/documents');
    expect((body.documents as { status: string }[]).map(({ status }) => status)).toEqual([
      'failed',
      'failed',
      'failed',
    ]);
  });
});

test("[KB-8] a stock client in the room kb:{id} hears a document's way from its first event to its last", async () => {
  const socket = io(served.server.url, {
    ...{ query: { token: await served.token('olga') }, forceNew: true, transports: ['websocket'] },
  });
  sockets.push(socket);
  const heard: [string, Record<string, unknown>][] = [];
  socket.onAny((event: string, data: Record<string, unknown>) => {
    if (event.startsWith('kb:')) heard.push([event, data]);
  });
  expect(await socket.emitWithAck('subscribe', 'kb:listened')).toEqual({ ok: true });
  await post('listened', GUIDE, markdown, '?name=a.md');
  await vi.waitFor(() => expect(heard.at(-1)?.[0]).toBe('kb:upload_completed'), 10_000);
  expect(heard[0]).toMatchObject(['kb:upload_started', { knowledgeBaseId: 'listened', fileName: 'a.md' }]);
  expect(heard.at(-1)?.[1]).toMatchObject({ documentId: 'a.md', chunkCount: 3, embeddingCount: 3 });
  const steps = heard.filter(([event]) => event === 'kb:processing').map(([, { currentStep }]) => currentStep);
  expect([...new Set(steps)]).toEqual(['extraction', 'chunking', 'embedding']);
});

test('[KB-9] the store behind useKnowledgeBase shows an ingested document without asking for it', async () => {
  const client = createClient({ url: served.server.url, token: await served.token('olga') });
  const store = knowledgeBaseStore(client, 'watched');
  const leave = store.subscribe(() => {});
  await vi.waitFor(() => expect(store.getSnapshot().continuity).toBe('complete'), 5_000);
  await post('watched', GUIDE, markdown, '?name=a.md');
  await vi.waitFor(
    () => expect(store.getSnapshot().value).toMatchObject([{ fileName: 'a.md', status: 'completed', chunks: 3 }]),
    10_000,
  );
  leave();
  client.disconnect();
});

describe('GET /api/kb/{kbId}/search', () => {
  const search = (q: string, who: 'ada' | 'stranger' = 'ada', kb = 'searched') =>
    served.ask(who, 'GET', `/api/kb/${kb}/search?q=${encodeURIComponent(q)}`);

  test('[KB-10] finds the chunk that says something about a query, with its file and heading', async () => {
    const other = '# Bread\n\nFlour, water and salt. Baking takes an hour.\n';
    const runs = [
      await post('searched', GUIDE, markdown, '?name=marmots.md'),
      await post('searched', other, markdown, '?name=bread.md'),
    ];
    for (const { body } of runs) await ended(body.run);
    const { body } = await search('What do marmots eat?');
    expect(body).toMatchObject({ searched: 2, unsearched: 0 });
    expect((body.chunks as unknown[])[0]).toMatchObject({
      ...{ documentId: 'marmots.md', fileName: 'marmots.md', heading: 'Marmots › Food' },
      text: expect.stringContaining('herbs'),
    });
    expect(((await search('bake bread')).body.chunks as unknown[])[0]).toMatchObject({ fileName: 'bread.md' });
    expect((await search('zeppelin')).body.chunks).toEqual([]);
    expect((await search('marmots', 'stranger')).body).toEqual({ chunks: [], searched: 0, unsearched: 0 });
    expect((await search('')).body.code).toBe('invalid_request');
  });

  test('[KB-11] a document that comes again under its id replaces what was found of it', async () => {
    const first = await post('replaced', '# Old\n\nThe zebra is striped.\n', markdown, '?name=a.md');
    await ended(first.body.run);
    const second = await post('replaced', '# New\n\nThe giraffe is tall.\n', markdown, '?name=a.md');
    await ended(second.body.run);
    expect((await search('zebra', 'ada', 'replaced')).body.chunks).toEqual([]);
    expect((await search('giraffe', 'ada', 'replaced')).body).toMatchObject({
      chunks: [{ heading: 'New' }],
      searched: 1,
    });
  });

  test('[KB-12] a document whose run is gone is counted as unsearched', async () => {
    const { body } = await post('aged', GUIDE, markdown, '?name=a.md');
    await ended(body.run);
    await served.server.store.deleteRun({ tenant: 'default', run: body.run as string });
    await vi.waitFor(async () =>
      expect((await search('marmots', 'ada', 'aged')).body).toEqual({ chunks: [], searched: 0, unsearched: 1 }),
    );
  });
});

describe('who runs ingest', () => {
  let other: Served | undefined;
  afterEach(() => other?.close());

  test('[KB-13] nothing of it is there before the first document; then its worker is in this process', async () => {
    other = await serve();
    const workers = async () => (await other?.ask('root', 'GET', '/api/workers'))?.body.workers;
    const workflows = async () => (await other?.ask('root', 'GET', '/api/workflows'))?.body.workflows;
    expect([await workers(), await workflows()]).toEqual([[], []]);
    const { body } = await post('kb', GUIDE, markdown, '?name=a.md', other);
    expect(await ended(body.run, other)).toBe('completed');
    expect(await workers()).toMatchObject([{ tasks: [{ name: 'millrace.ingest' }], local: true }]);
    expect(await workflows()).toMatchObject([{ name: 'ingest' }]);
  });

  test('[KB-14] switched off, a document is refused where nobody else has registered ingest', async () => {
    other = await serve({ ingest: false });
    const { status, body } = await post('kb', GUIDE, markdown, '?name=a.md', other);
    expect([status, body.code]).toEqual([404, 'workflow_not_found']);
    expect(await other.written()).toEqual([]);
  });

  test('[KB-15] a workflow ingest of your own is run instead, and is not replaced', async () => {
    other = await serve();
    const own = task('own.ingest', (_ctx, input: { fileName: string }) => ({ mine: input.fileName }));
    const worker = createWorker({ link: other.server.localLink(), workflows: [workflow('ingest', { task: own })] });
    await worker.start();
    const { body } = await post('kb', GUIDE, markdown, '?name=a.md', other);
    expect(await ended(body.run, other)).toBe('completed');
    const events = await eventsOf(body.run, other);
    expect(events.find((event) => event.type === 'node.completed')).toMatchObject({
      data: { output: { mine: 'a.md' } },
    });
    const { workers } = (await other.ask('root', 'GET', '/api/workers')).body;
    expect((workers as { tasks: { name: string }[] }[]).flatMap(({ tasks }) => tasks.map(({ name }) => name))).toEqual([
      'own.ingest',
    ]);
    await worker.stop();
  });

  test('[KB-17] a run that another server, a schedule or a retry has started brings its worker here', async () => {
    other = await serve();
    const { sha256, bytes } = await stored(other);
    const definition = ingestWorkflow(ingestTask(other.server.localLink()));
    await other.server.engine.putWorkflow({ tenant: 'default', by: 'system' }, definition);
    const input = { kbId: 'kb', documentId: 'a', fileName: 'a.md', type: 'text/markdown', sha256, bytes };
    const { body } = await other.ask('ada', 'POST', '/api/runs', { workflow: 'ingest', input });
    expect(await ended(body.id, other)).toBe('completed');
  });

  async function stored(on: Served): Promise<{ sha256: string; bytes: number }> {
    const { body } = await on.ask('ada', 'PUT', '/api/files', GUIDE, markdown);
    return { sha256: body.$blob as string, bytes: body.bytes as number };
  }

  test('[KB-15] nor is one that is registered after the shipped one has run', async () => {
    other = await serve();
    const shipped = await post('kb', GUIDE, markdown, '?name=a.md', other);
    expect(await ended(shipped.body.run, other)).toBe('completed');
    const own = { title: 'Own', nodes: [{ id: 'mine', task: 'own.ingest' }] };
    await other.ask('olga', 'PUT', '/api/workflows/ingest', own);
    const { body } = await post('kb', GUIDE, markdown, '?name=b.md', other);
    expect((await other.ask('olga', 'GET', `/api/runs/${body.run}`)).body.graph).toEqual(own.nodes);
  });
});
