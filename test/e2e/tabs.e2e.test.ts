import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CuttingProxy } from '../../packages/client/src/cutting-proxy.suite.ts';
import { createServer, type Server } from '../../packages/server/src/server.ts';
import { launchBrowser, noBrowser } from './browser.ts';

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };
const caller = { tenant: 'default', by: 'user:ada' };

describe.skipIf(noBrowser)('tabs of a real browser', () => {
  let folder: string;
  let site: HttpServer;
  let origin: string;
  let browser: Browser;
  let context: BrowserContext;
  let server: Server;
  let proxy: CuttingProxy;
  let url: string;
  let run: string;
  let head: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-tabs-'));
    await build({
      root: new URL('./tabs', import.meta.url).pathname,
      configFile: false,
      logLevel: 'error',
      resolve: { conditions: ['millrace:source', 'module', 'browser', 'production'] },
      build: { outDir: folder, target: 'es2024', modulePreload: false },
    });
    site = createHttpServer((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://localhost');
      readFile(join(folder, pathname === '/' ? 'index.html' : pathname)).then(
        (bytes) => response.writeHead(200, { 'content-type': types[extname(pathname)] ?? 'text/html' }).end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const address = site.address();
    origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
    site.close();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    server = await createServer({
      env: { MILLRACE_ORIGINS: origin },
      port: 0,
      store: 'memory',
      logLevel: 'silent',
    });
    proxy = new CuttingProxy(server.ports[0] ?? 0);
    url = await proxy.listen();
    context = await browser.newContext();
    ({ id: run } = await server.engine.create(caller, { workflow: 'ext', external: true }));
    head = 0;
    await append(3);
  });

  afterEach(async () => {
    await context.close();
    await proxy.close();
    await server.close();
  });

  async function append(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const data = { level: 'info' as const, message: `line ${n}` };
      ({ seq: head } = await server.engine.append(caller, run, { events: [{ type: 'log', data }] }));
    }
  }

  async function open(more: Record<string, string> = {}): Promise<Page> {
    const page = await context.newPage();
    const token = await server.token({ sub: 'ada', roles: ['admin'] });
    await page.goto(`${origin}/?${new URLSearchParams({ server: url, token, run, ...more })}`);
    await expect.poll(() => snapshot(page).then(({ status }) => status), { timeout: 20_000 }).toBe('ready');
    return page;
  }

  const snapshot = (page: Page) =>
    page.evaluate(() => {
      const { status, continuity, view } = tab.run.getSnapshot();
      return { status, continuity, seq: view?.seq, transport: tab.client.connection.getSnapshot().transport };
    });

  const seqs = (page: Page) => page.evaluate(() => tab.seen.map(({ seq }) => seq));

  /** Every event after the first that it saw, once and in order, to the head. */
  async function exact(page: Page): Promise<void> {
    await expect.poll(() => snapshot(page).then(({ seq }) => seq), { timeout: 30_000 }).toBe(head);
    const seen = await seqs(page);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, n) => head - seen.length + 1 + n));
    expect((await snapshot(page)).continuity).toBe('complete');
  }

  test('[CLT-58] two tabs, one WebSocket: both see every event once; one closes and the other lives on', async () => {
    const [one, two] = [await open(), await open()];
    await append(20);
    await exact(one);
    await exact(two);
    expect((await snapshot(one)).transport).toBe('shared-worker');
    expect(proxy.upgraded).toBe(1);
    await one.close();
    await append(20);
    await exact(two);
    expect(await seqs(two)).toHaveLength(40);
    expect(proxy.upgraded).toBe(1);
    await two.close();
    await expect.poll(() => proxy.sockets, { timeout: 20_000 }).toBe(0);
  });

  test('[CLT-58] the connection is cut: both tabs come back over one new one', async () => {
    const [one, two] = [await open(), await open()];
    await append(5);
    await exact(one);
    await exact(two);
    proxy.cut();
    await append(5);
    await exact(one);
    await exact(two);
    expect(proxy.sockets).toBe(1);
    expect(proxy.upgraded).toBe(2);
  });

  test('[CLT-59] the worker dies: its tabs find out at once and go on without it', async () => {
    const [one, two] = [await open(), await open()];
    await append(5);
    await exact(one);
    await endWorker();
    await expect.poll(() => proxy.sockets).toBe(0);
    await append(5);
    await exact(one);
    await exact(two);
    expect(proxy.upgraded).toBeGreaterThan(1);
  });

  test('[CLT-59] where the worker cannot be loaded each tab has a WebSocket of its own', async () => {
    const [one, two] = [await open({ worker: 'missing' }), await open({ worker: 'missing' })];
    await append(5);
    await exact(one);
    await exact(two);
    expect((await snapshot(one)).transport).toBe('websocket');
    expect(proxy.sockets).toBe(2);
  });

  test('[CLT-82] a frozen tab loses nothing, and holds nobody up', async () => {
    const [awake, frozen] = [await open(), await open()];
    await append(1);
    await exact(frozen);
    const lifecycle = await context.newCDPSession(frozen);
    await lifecycle.send('Page.setWebLifecycleState', { state: 'frozen' });
    await append(50);
    await exact(awake);
    await lifecycle.send('Page.setWebLifecycleState', { state: 'active' });
    await exact(frozen);
    expect(await seqs(frozen)).toHaveLength(51);
  });

  test('[CLT-83] offline is seen at once, and so is online', async () => {
    const page = await open();
    const state = () => page.evaluate(() => tab.client.connection.getSnapshot().state);
    await append(2);
    await context.setOffline(true);
    await expect.poll(state).toBe('offline');
    await append(5);
    await context.setOffline(false);
    await exact(page);
    expect(await state()).toBe('live');
  });

  /** Ends the shared worker as the browser would: it can say nothing more. */
  async function endWorker(): Promise<void> {
    const session = await browser.newBrowserCDPSession();
    const { targetInfos } = await session.send('Target.getTargets');
    const worker = targetInfos.find(({ type }) => type === 'shared_worker');
    expect(worker).toBeDefined();
    await session.send('Target.closeTarget', { targetId: worker?.targetId ?? '' });
    await session.detach();
  }
});
