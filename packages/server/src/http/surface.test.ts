import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as rawRequest } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createServer } from '../server.ts';
import { type Served, serve } from './served.suite.ts';

let folder: string;
let served: Served;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-console-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Console</title>');
  await writeFile(join(folder, 'icon.svg'), '<svg/>');
  await writeFile(join(folder, 'assets', 'main-abc.js'), 'export {};');
  served = await serve({ console: folder, origins: ['https://app.example'] });
});
afterAll(async () => {
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

/** Asks with headers that fetch would not send as they are. */
function raw(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; upgraded: boolean; text: string }> {
  return new Promise((resolve, reject) => {
    const request = rawRequest(served.server.url + path, { method, headers }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => {
        text += part.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, upgraded: false, text }));
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, upgraded: true, text: '' });
    });
    request.on('error', reject);
    request.end();
  });
}

describe('[SEC-2] [SEC-3] over HTTP', () => {
  test('a rebound name is refused on every path, also where no token is needed', async () => {
    for (const path of ['/api/health', '/', '/api/nothing', '/api/openapi.json']) {
      const answer = await raw(path, { host: 'rebound.evil.example' });
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([403, 'host_not_allowed']);
    }
  });

  test('a foreign page gets no answer that it could read, an allowed one does', async () => {
    const from = (origin: string) => served.ask('root', 'GET', '/api/runs', undefined, { origin });
    const evil = await from('https://evil.example');
    expect(evil.body.code).toBe('origin_not_allowed');
    expect(evil.headers.get('access-control-allow-origin')).toBeNull();
    const good = await from('https://app.example');
    expect(good.headers.get('access-control-allow-origin')).toBe('https://app.example');
    const preflight = await served.ask('nobody', 'OPTIONS', '/api/runs', undefined, {
      ...{ origin: 'https://app.example', 'access-control-request-method': 'POST' },
      'access-control-request-headers': 'authorization, content-type, idempotency-key',
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key');
  });
});

test('[SEC-9] every answer carries a strict policy, and nothing says what serves it', async () => {
  for (const path of ['/', '/api/health', '/api/nothing']) {
    const { headers } = await served.ask('nobody', 'GET', path);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self' ws: wss:");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

test('[SEC-10] too many requests are answered 429 with Retry-After', async () => {
  const small = await serve({ rateLimit: 3 });
  const answers = [];
  for (let n = 0; n < 4; n += 1) answers.push(await small.ask('root', 'GET', '/api/runs'));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
  expect(answers[3]?.body).toMatchObject({ code: 'rate_limited', retry: true });
  expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
  await small.close();
});

test('[CLU-32] behind a balancer that is known, each of its clients is counted by its own address', async () => {
  const small = await serve({ rateLimit: 2, proxies: ['127.0.0.0/8'] });
  const from = async (address: string) =>
    (await small.ask('root', 'GET', '/api/runs', undefined, { 'x-forwarded-for': address })).status;
  expect([await from('203.0.113.1'), await from('203.0.113.1'), await from('203.0.113.1')]).toEqual([200, 200, 429]);
  expect(await from('203.0.113.2')).toBe(200);
  await small.close();
  const alone = await serve({ rateLimit: 1 });
  const forged = (address: string) => alone.ask('root', 'GET', '/api/runs', undefined, { 'x-forwarded-for': address });
  expect([(await forged('203.0.113.1')).status, (await forged('203.0.113.2')).status]).toEqual([200, 429]);
  await alone.close();
});

describe('[API-8] files', () => {
  const put = (bytes: string, type: string) =>
    served.ask('will', 'PUT', '/api/files', Buffer.from(bytes), { 'content-type': type });

  test('are stored once under their SHA-256 and come back with their type', async () => {
    const { body } = await put('# Report', 'text/markdown; charset=utf-8');
    expect(body).toMatchObject({
      $blob: expect.stringMatching(/^[0-9a-f]{64}$/),
      bytes: 8,
      type: 'text/markdown; charset=utf-8',
    });
    expect((await put('# Report', 'text/markdown; charset=utf-8')).body.$blob).toBe(body.$blob);
    const { status, text, headers } = await served.ask('ada', 'GET', `/api/files/${body.$blob}?name=r%C3%A9port.md`);
    expect([status, text, headers.get('content-type')]).toEqual([200, '# Report', 'text/markdown; charset=utf-8']);
    expect(headers.get('content-disposition')).toBe("inline; filename*=UTF-8''r%C3%A9port.md");
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    const cached = await served.ask('ada', 'GET', `/api/files/${body.$blob}`, undefined, {
      'if-none-match': headers.get('etag') ?? '',
    });
    expect(cached.status).toBe(304);
    expect((await served.ask('stranger', 'GET', `/api/files/${body.$blob}`)).body.code).toBe('file_not_found');
  });

  test.each(['text/html', 'image/svg+xml', 'application/xhtml+xml', 'text/javascript'])(
    'of type %s, which a browser would run, are only downloaded',
    async (type) => {
      const { body } = await put(`<script>${type}</script>`, type);
      const { headers } = await served.ask('ada', 'GET', `/api/files/${body.$blob}`);
      expect(headers.get('content-disposition')).toBe('attachment');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    },
  );

  test('over 32 MB are refused', async () => {
    const { status, body } = await served.ask('will', 'PUT', '/api/files', new Uint8Array(32 * 1024 * 1024 + 1), {
      'content-type': 'application/octet-stream',
    });
    expect([status, body.code]).toEqual([413, 'payload_too_large']);
  });
});

describe('[API-9] the OpenAPI document', () => {
  test('lists every route, with its schemas and its errors', async () => {
    const { body } = await served.ask('nobody', 'GET', '/api/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    const paths = body.paths as Record<
      string,
      Record<string, { responses: Record<string, unknown>; summary?: string }>
    >;
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.sort()).toEqual([
      'DELETE /api/links/{id}',
      'DELETE /api/schedules/{id}',
      'GET /answer/{token}',
      'GET /api/files/{sha256}',
      'GET /api/health',
      'GET /api/health/ready',
      'GET /api/inbox',
      'GET /api/jobs',
      'GET /api/jobs/{jobId}',
      'GET /api/jobs/{jobId}/checkpoint',
      'GET /api/kb',
      'GET /api/kb/{kbId}/documents',
      'GET /api/kb/{kbId}/search',
      'GET /api/openapi.json',
      'GET /api/runs',
      'GET /api/runs/{id}',
      'GET /api/runs/{id}/events',
      'GET /api/schedules',
      'GET /api/schedules/{id}',
      'GET /api/workers',
      'GET /api/workers/{id}/signals',
      'GET /api/workflows',
      'GET /api/workflows/{name}',
      'GET /api/workflows/{name}/versions',
      'GET /metrics',
      'PATCH /api/jobs/{jobId}/cancel',
      'POST /answer/{token}',
      'POST /api/jobs',
      'POST /api/jobs/{jobId}/events',
      'POST /api/jobs/{jobId}/pause',
      'POST /api/jobs/{jobId}/resume',
      'POST /api/kb/{kbId}/documents',
      'POST /api/links',
      'POST /api/runs',
      'POST /api/runs/{id}/approvals/{approvalId}',
      'POST /api/runs/{id}/cancel',
      'POST /api/runs/{id}/events',
      'POST /api/runs/{id}/fork',
      'POST /api/runs/{id}/inputs/{inputId}',
      'POST /api/runs/{id}/links',
      'POST /api/runs/{id}/pause',
      'POST /api/runs/{id}/resume',
      'POST /api/runs/{id}/retry',
      'POST /api/runs/{run}/attempts/{attempt}/events',
      'POST /api/workers',
      'POST /api/workers/{id}/claim',
      'POST /api/workers/{id}/renew',
      'PUT /api/files',
      'PUT /api/schedules/{id}',
      'PUT /api/workflows/{name}',
    ]);
    for (const methods of Object.values(paths)) {
      for (const operation of Object.values(methods)) expect(operation.summary).toBeTruthy();
    }
    const create = paths['/api/runs']?.post;
    expect(Object.keys(create?.responses ?? {})).toEqual(['201', '400', '404', '409', '413', '422']);
    for (const name of ['Problem', 'GraphNode', 'RunSummary', 'Event']) {
      expect(JSON.stringify(paths)).toContain(`#/components/schemas/${name}`);
    }
    expect(JSON.stringify(body).length).toBeLessThan(400_000);
  });
});

describe('[API-10] the console', () => {
  test('answers for every address of its own router, and is asked for again each time', async () => {
    for (const path of ['/', '/runs/01234', '/index.html', '/?token=x']) {
      const { status, text, headers } = await served.ask('nobody', 'GET', path);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(text).toContain('<title>Console</title>');
      expect(headers.get('cache-control')).toBe('no-cache');
    }
  });

  test('its assets are kept for a year, files beside the page are served, and nothing outside is', async () => {
    const asset = await served.ask('nobody', 'GET', '/assets/main-abc.js');
    expect([asset.text, asset.headers.get('cache-control')]).toEqual([
      'export {};',
      'public, max-age=31536000, immutable',
    ]);
    expect((await served.ask('nobody', 'GET', '/icon.svg')).text).toBe('<svg/>');
    expect((await served.ask('nobody', 'GET', '/assets/none.js')).status).toBe(404);
    const outside = await raw('/assets/../../../../../../etc/passwd', {});
    expect(outside.text).not.toContain('root:');
  });

  test('does not stand for what services own', async () => {
    for (const path of ['/api/nothing', '/live', '/v1/x', '/ws/run']) {
      expect((await served.ask('nobody', 'GET', path)).body.code).toBe('not_found');
    }
  });

  test('says how to build it where it is not built', async () => {
    const bare = await serve({ console: join(folder, 'nothing') });
    expect((await bare.ask('nobody', 'GET', '/')).body).toMatchObject({
      code: 'not_found',
      detail: expect.stringContaining('npm run console'),
    });
    await bare.close();
  });
});

test('[API-11] health says which server this is, and needs no token', async () => {
  const { body } = await served.ask('nobody', 'GET', '/api/health');
  expect(body).toMatchObject({ status: 'ok', wire: 1, epoch: served.server.store.epoch, version: expect.any(String) });
  expect(Math.abs((body.now as number) - Date.now())).toBeLessThan(5_000);
  expect((await served.ask('nobody', 'GET', '/api/health/ready')).body).toEqual({ status: 'ready' });
});

test('[API-14] metrics name requests by their route, not by their address', async () => {
  await served.ask('root', 'GET', '/api/runs/some-run');
  const { text } = await served.ask('olga', 'GET', '/metrics');
  expect(text).toContain('route="/api/runs/:id"');
  expect(text).not.toContain('some-run');
});

describe('[API-12] upgrades', () => {
  const headers = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'sec-websocket-version': '13',
  };

  test('of /live become sockets', async () => {
    expect(await raw('/live', headers)).toMatchObject({ status: 101, upgraded: true });
  });

  test('of any other path are answered 404 and closed', async () => {
    const answer = await raw('/elsewhere', headers);
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([404, 'not_found']);
  });
});

describe('[API-13] listening', () => {
  test('a taken port is port_in_use, names PORT, and leaves nothing open', async () => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const data = join(folder, 'data');
    const start = (at: number) => createServer({ env: {}, port: at, data, logLevel: 'silent' });
    await expect(start(port)).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(`PORT is ${port}`),
    });
    const second = await start(0);
    await second.close();
    await second.close();
    taken.close();
  });

  test('further ports serve the same', async () => {
    const free = createTcpServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    const two = await serve({ ports: [port] });
    expect(two.server.ports).toEqual([expect.any(Number), port]);
    expect((await fetch(`http://127.0.0.1:${port}/api/health`)).status).toBe(200);
    await two.close();
  });

  test('closing ends streams and waiting claims, and then nobody answers', async () => {
    const own = await serve();
    const { body } = await own.ask('root', 'POST', '/api/runs', { workflow: 'x', external: true });
    const stream = await fetch(`${own.server.url}/api/runs/${body.id}/events`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${await own.token('root')}` },
    });
    await own.close();
    expect(await stream.text()).toContain('event: problem');
    await own.server.closed;
    await expect(fetch(`${own.server.url}/api/health`)).rejects.toThrow();
  });
});

test('[SEC-7] tokens survive a restart on the same data folder', async () => {
  const data = join(folder, 'kept');
  const start = () => createServer({ env: {}, port: 0, data, logLevel: 'silent' });
  const first = await start();
  const token = await first.token({ sub: 'ada' });
  await first.close();
  const second = await start();
  const answer = await fetch(`${second.url}/api/runs`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  await second.close();
});
