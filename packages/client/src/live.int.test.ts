import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@millrace/protocol/event';
import type { ServerFrame } from '@millrace/protocol/frame';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createServer, type Server } from '../../server/src/server.ts';
import { type Client, type ClientOptions, createClient } from './client.ts';
import { CuttingProxy } from './cutting-proxy.suite.ts';
import { foldAll } from './fake-server.suite.ts';

let folder: string;
let server: Server;
let proxy: CuttingProxy;
let url: string;
let clients: Client[];
/** every native frame of every connection, before the client has seen it */
let raw: ServerFrame[][];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-client-'));
  server = await start();
  proxy = new CuttingProxy(server.ports[0] ?? 0);
  url = await proxy.listen();
  clients = [];
  raw = [];
});

afterEach(async () => {
  for (const client of clients) client.disconnect();
  await proxy.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

function start(): Promise<Server> {
  return createServer({ env: {}, port: 0, store: 'sqlite', data: folder, logLevel: 'silent' });
}

async function open(options: Partial<ClientOptions> = {}): Promise<Client> {
  const token = await server.token({ sub: 'root', roles: ['admin'] });
  const client = createClient({
    url,
    token,
    policy: { backoffMin: 20, backoffMax: 100, pollEvery: 20, stepDownAfter: 1_000 },
    platform: { WebSocket: RecordedSocket },
    ...options,
  });
  clients.push(client);
  return client;
}

class RecordedSocket extends WebSocket {
  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args);
    const frames: ServerFrame[] = [];
    raw.push(frames);
    this.addEventListener('message', ({ data }) => {
      frames.push(...([JSON.parse(String(data))].flat() as ServerFrame[]));
    });
  }
}

const caller = { tenant: 'default', by: 'user:root' };

async function createRun(): Promise<string> {
  const { id } = await server.engine.create(caller, { workflow: 'ext', external: true });
  return id;
}

async function append(run: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const data = { level: 'info' as const, message: `line ${n} ${'x'.repeat(50)}` };
    await server.engine.append(caller, run, { events: [{ type: 'log', data }] });
  }
}

function watch(client: Client, run: string) {
  const store = client.run(run);
  const seen: RunEvent[] = [];
  store.onEvents((events) => seen.push(...events));
  return { store, seen };
}

async function wholeLog(client: Client, run: string): Promise<RunEvent[]> {
  return (await client.api.events(run, { limit: 10_000 })).events;
}

/** On each connection: from its snapshot or from the cursor that it was asked for, every seq once. */
function judgeRaw(run: string): void {
  for (const frames of raw) {
    let cursor: number | undefined;
    for (const frame of frames) {
      if (frame.type === 'snapshot' && frame.run === run) cursor = frame.seq;
      if (frame.type !== 'range' || frame.run !== run) continue;
      if (cursor !== undefined) expect(frame.seq).toBe(cursor + 1);
      expect(frame.events.map(({ seq }) => seq)).toEqual(
        Array.from({ length: frame.through - frame.seq + 1 }, (_, n) => frame.seq + n),
      );
      cursor = frame.through;
    }
  }
}

describe('over the real server', () => {
  test('[CLT-24] sockets cut at any byte: cursors are kept, nothing is missed, nothing comes twice', async () => {
    const client = await open();
    const run = await createRun();
    const { store, seen } = watch(client, run);
    await expect.poll(() => store.getSnapshot().status).toBe('ready');
    const first = store.getSnapshot().view?.seq ?? 0;
    for (let round = 0; round < 12; round++) {
      // The upgrade and the hello take some 300 bytes: the cut falls into them, or into frames of the run.
      proxy.cutAfter = 150 + round * 173;
      proxy.cut();
      await append(run, 8);
      const { cuts } = proxy;
      await expect.poll(() => proxy.cuts > cuts || client.connection.getSnapshot().state === 'live').toBe(true);
    }
    proxy.cutAfter = undefined;
    await append(run, 1);
    const log = await wholeLog(client, run);
    await expect.poll(() => store.getSnapshot().view?.seq, { timeout: 10_000 }).toBe(log.length);
    expect(seen).toEqual(log.slice(first));
    expect(store.getSnapshot()).toMatchObject({ continuity: 'complete' });
    expect(store.getSnapshot().view).toEqual(foldAll(run, log));
    expect(raw.length).toBeGreaterThan(5);
    judgeRaw(run);
  });

  test('[CLT-25] the server ends and comes back on the same data: the page comes back by itself', async () => {
    const secret = await server.token({ sub: 'root', roles: ['admin'] });
    const client = await open({ token: () => Promise.resolve(secret) });
    const run = await createRun();
    await append(run, 1);
    const { store, seen } = watch(client, run);
    await expect.poll(() => store.getSnapshot().view?.seq).toBe(3);
    await append(run, 5);
    await expect.poll(() => seen.length).toBe(5);
    await server.close();
    await expect.poll(() => client.connection.getSnapshot().state).toBe('reconnecting');
    expect(store.getSnapshot().view?.seq).toBe(8);
    server = await start();
    proxy.target = server.ports[0] ?? 0;
    await append(run, 5);
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(10);
    expect(seen.map(({ seq }) => seq)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(store.getSnapshot()).toMatchObject({ continuity: 'complete' });
    judgeRaw(run);
  });

  test.each(['websocket', 'sse', 'polling'] as const)(
    '%s shows a run from before its start to its end',
    async (kind) => {
      const client = await open({ transports: [kind] });
      const run = await createRun();
      await append(run, 3);
      const { store, seen } = watch(client, run);
      const list = client.list({ workflow: 'ext' });
      list.subscribe(() => {});
      await expect.poll(() => store.getSnapshot().status, { timeout: 5_000 }).toBe('ready');
      expect(client.connection.getSnapshot().transport).toBe(kind);
      await append(run, 3);
      await expect.poll(() => seen.length, { timeout: 5_000 }).toBe(3);
      await server.engine.append(caller, run, {
        events: [{ type: 'run.failed', data: { error: { code: 'x', message: 'y' }, duration: 1 } }],
      });
      await expect.poll(() => store.getSnapshot().view?.control.status, { timeout: 5_000 }).toBe('failed');
      await expect.poll(() => list.getSnapshot().rows[0]?.status, { timeout: 5_000 }).toBe('failed');
      expect(store.getSnapshot().view).toEqual(foldAll(run, await wholeLog(client, run)));
      expect(client.connection.getSnapshot().transport).toBe(kind);
    },
  );

  test.each([
    ['websocket', 'before it expires', 60_000],
    ['websocket', 'when the server refuses it', 0],
    ['sse', 'before it expires', 60_000],
    ['sse', 'when the server refuses it', 0],
  ] as const)('[CLT-15] over %s a token is replaced %s, and every cursor stays', async (kind, _when, refreshAhead) => {
    let asked = 0;
    const token = () => {
      asked += 1;
      return server.token({ sub: 'root', roles: ['admin'] }, 2);
    };
    const client = await open({
      transports: [kind],
      token,
      policy: { backoffMin: 20, backoffMax: 100, pollEvery: 20, refreshAhead },
    });
    const run = await createRun();
    await append(run, 1);
    const { store, seen } = watch(client, run);
    await expect.poll(() => store.getSnapshot().status).toBe('ready');
    await expect
      .poll(
        async () => {
          await append(run, 1);
          return asked;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(3);
    const log = await wholeLog(client, run);
    await expect.poll(() => store.getSnapshot().view?.seq, { timeout: 5_000 }).toBe(log.length);
    expect(seen).toEqual(log.slice(-seen.length));
    expect(store.getSnapshot()).toMatchObject({ continuity: 'complete', status: 'ready' });
  });

  test("refusals are the server's own words, over the socket and over HTTP", async () => {
    const client = await open();
    const run = await createRun();
    const { store } = watch(client, run);
    await expect.poll(() => client.connection.getSnapshot().state).toBe('live');
    await expect(store.approve('none', 'approved')).rejects.toMatchObject({ code: 'wait_not_found' });
    await expect(client.api.approve(run, 'none', 'approved')).rejects.toMatchObject({ code: 'wait_not_found' });
    await expect(client.api.get('none')).rejects.toMatchObject({ code: 'run_not_found' });
    await expect(client.api.start({ workflow: 'none' })).rejects.toMatchObject({ code: 'workflow_not_found' });
    const missing = client.run('none');
    missing.subscribe(() => {});
    await expect.poll(() => missing.getSnapshot().status).toBe('missing');
  });

  test('a token that the server does not accept leads to signed-out', async () => {
    const client = await open({ token: 'nonsense' });
    client.connect();
    await expect.poll(() => client.connection.getSnapshot().state).toBe('signed-out');
    expect(client.connection.getSnapshot().error?.code).toBe('unauthorized');
  });
});
