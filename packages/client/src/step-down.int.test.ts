import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createServer, type Server } from '../../server/src/server.ts';
import { type Client, type ClientOptions, createClient } from './client.ts';
import { seqs, upTo, watch } from './client-setup.suite.ts';
import { CuttingProxy } from './cutting-proxy.suite.ts';
import { foldAll } from './fake-server.suite.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';

const caller = { tenant: 'default', by: 'user:root' };
let server: Server;
let proxy: CuttingProxy;
let clock: SimulatedClock;
let client: Client;
let run: string;

beforeEach(async () => {
  server = await createServer({ env: {}, port: 0, store: 'memory', logLevel: 'silent' });
  proxy = new CuttingProxy(server.ports[0] ?? 0);
  clock = new SimulatedClock();
  ({ id: run } = await server.engine.create(caller, { workflow: 'ext', external: true }));
});

afterEach(async () => {
  client.disconnect();
  await proxy.close();
  await server.close();
});

async function follow(options: Partial<ClientOptions> = {}) {
  const token = await server.token({ sub: 'root', roles: ['admin'] });
  client = createClient({ url: await proxy.listen(), token, clock, ...options });
  return watch(client, run);
}

async function append(): Promise<void> {
  await server.engine.append(caller, run, { events: [{ type: 'log', data: { level: 'info', message: 'x' } }] });
}

/** Lets the client's time run until it is so, while the run goes on. */
async function until(check: () => void): Promise<void> {
  await vi.waitFor(
    async () => {
      await append();
      clock.advance(500);
      check();
    },
    { timeout: 20_000, interval: 10 },
  );
}

const carriedBy = (transport: string) => () => expect(client.connection.getSnapshot().transport).toBe(transport);

test('[CLT-80] a network that blocks upgrades, then streams, then neither: down and up again, each event once', async () => {
  const { store, seen } = await follow();
  const grows = async () => {
    const before = seen.length;
    await until(() => expect(seen.length).toBeGreaterThan(before + 3));
  };
  await until(carriedBy('websocket'));
  await grows();
  proxy.upgrades = false;
  proxy.cut();
  await until(carriedBy('sse'));
  await grows();
  proxy.streams = false;
  proxy.cut();
  // While nobody knows yet that streams are held back, pages are read beside them.
  await until(carriedBy('sse'));
  await grows();
  await until(carriedBy('polling'));
  await grows();
  proxy.streams = true;
  await until(carriedBy('sse'));
  await grows();
  proxy.upgrades = true;
  await until(carriedBy('websocket'));
  await grows();

  const { events } = await client.api.events(run, { limit: 10_000 });
  await vi.waitFor(() => expect(store.getSnapshot().view?.seq).toBe(events.length));
  const first = seen[0]?.seq ?? 0;
  expect(seqs(seen)).toEqual(upTo(first, events.length));
  expect(store.getSnapshot()).toMatchObject({ continuity: 'complete' });
  expect(store.getSnapshot().view).toEqual(foldAll(run, events));
});

test('[CLT-81] more runs than a browser has connections: the last ones are read in pages', async () => {
  const { seen } = await follow({ transports: ['sse'] });
  const others = await Promise.all(
    Array.from({ length: 7 }, async () => (await server.engine.create(caller, { workflow: 'ext', external: true })).id),
  );
  const watched = others.map((id) => watch(client, id));
  await until(() => expect(watched.map(({ store }) => store.getSnapshot().status)).toEqual(others.map(() => 'ready')));
  for (const id of others) {
    await server.engine.append(caller, id, { events: [{ type: 'log', data: { level: 'info', message: 'y' } }] });
  }
  await until(() => {
    for (const { seen } of watched) expect(seen.length).toBeGreaterThan(0);
  });
  expect(seen.length).toBeGreaterThan(0);
  expect(client.connection.getSnapshot().transport).toBe('sse');
});
