import { Worker as Thread } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import type { TaskContext } from './context.ts';
import { createHttpLink } from './http-link.ts';
import type { ServerData, ServerNews } from './http-server.suite.ts';
import { task } from './task.ts';
import { createWorker, type Worker } from './worker.ts';
import { workflow } from './workflow.ts';

interface Seen {
  request: string;
  body: { leases?: object[]; sequence?: number; events?: { type: string; data: object }[] };
  authorization: string | undefined;
}

describe('a worker over HTTP', () => {
  let server: Thread;
  let worker: Worker | undefined;
  let seen: Seen[];
  let fenced: boolean;

  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
    await server.terminate();
  });

  const serve = (workerData: ServerData) => {
    seen = [];
    fenced = false;
    server = new Thread(new URL('./http-server.suite.ts', import.meta.url), { workerData });
    return new Promise<string>((resolve) => {
      server.on('message', (news: ServerNews) => {
        if ('port' in news) resolve(`http://127.0.0.1:${news.port}`);
        else if ('fenced' in news) fenced = true;
        else seen.push(news as Seen);
      });
    });
  };
  const begin = async (data: ServerData, handler: (ctx: TaskContext, input: { ms: number }) => unknown) => {
    const url = await serve(data);
    worker = createWorker({
      url,
      token: 'secret',
      id: 'w1',
      workflows: [workflow('w', { task: task('work', handler) })],
    });
    await worker.start();
  };
  const told = (type: string) => seen.flatMap(({ body }) => body.events ?? []).filter((event) => event.type === type);
  const count = (request: string) => seen.filter((one) => one.request === request).length;

  test('[WRK-32] a task that blocks its thread for longer than a lease keeps it', async () => {
    let aborted = true;
    await begin({ leaseMs: 600, renewMs: 200 }, (ctx, { ms }) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      return new Promise((resolve) =>
        setImmediate(() => {
          aborted = ctx.signal.aborted;
          resolve('done');
        }),
      );
    });
    await vi.waitFor(() => expect(told('node.completed')).toHaveLength(1), { timeout: 10_000 });
    expect(aborted).toBe(false);
    expect(fenced).toBe(false);
    expect(count('POST /workers/w1/renew')).toBeGreaterThanOrEqual(5);
    expect(seen.every(({ authorization }) => authorization === 'Bearer secret')).toBe(true);
    const renewals = count('POST /workers/w1/renew');
    await expect.poll(() => count('POST /workers/w1/claim'), { timeout: 10_000 }).toBeGreaterThan(1);
    expect(count('POST /workers/w1/renew') - renewals).toBeLessThanOrEqual(1);
  });

  test('[WRK-68] a lease that was given up while the server was away is not renewed when it is back', async () => {
    const reasons: unknown[] = [];
    await begin({ leaseMs: 400, renewMs: 100, away: 1_000 }, (ctx) => {
      ctx.signal.addEventListener('abort', () => reasons.push((ctx.signal.reason as { kind: string }).kind));
      return new Promise(() => {});
    });
    await vi.waitFor(() => expect(reasons).toEqual(['lost']), { timeout: 10_000 });
    await vi.waitFor(() => expect(fenced).toBe(true), { timeout: 10_000 });
  });

  test('[WRK-33] registers again with a server that does not know it any more', async () => {
    await begin({ leaseMs: 6_000, renewMs: 2_000, forgetful: true }, () => 'done');
    await vi.waitFor(() => expect(told('node.completed')).toHaveLength(1), { timeout: 5_000 });
    expect(count('POST /workers')).toBe(2);
  });

  test('repeats an append whose reply was cut off, with the same sequence', async () => {
    await begin({ leaseMs: 6_000, renewMs: 2_000, cutsReply: true }, () => 'done');
    const appends = () =>
      seen.filter(({ request }) => request === 'POST /runs/r1/attempts/1/events').map(({ body }) => body.sequence);
    await vi.waitFor(() => expect(appends()).toEqual([1, 1]), { timeout: 5_000 });
  });

  test('hears a signal at once', async () => {
    const kinds: string[] = [];
    await begin({ leaseMs: 6_000, renewMs: 2_000 }, (ctx) => {
      return new Promise((_, reject) =>
        ctx.signal.addEventListener('abort', () => {
          kinds.push(ctx.signal.reason.kind);
          reject(ctx.signal.reason);
        }),
      );
    });
    await vi.waitFor(
      () => {
        expect(count('GET /workers/w1/signals')).toBe(1);
        expect(count('POST /workers/w1/renew')).toBeGreaterThan(0);
      },
      { timeout: 5_000 },
    );
    server.postMessage({ run: 'r1', node: 'n', attempt: 1, state: 'cancel' });
    await vi.waitFor(() => expect(told('node.parked')).toHaveLength(1), { timeout: 5_000 });
    expect(kinds).toEqual(['cancel']);
  });

  test('gives an error its code, its detail and its facts back', async () => {
    const url = await serve({ leaseMs: 40, renewMs: 10_000 });
    const link = createHttpLink({ url, token: 't', clock: systemClock, random: () => 0, report: () => {} });
    await link.register({ id: 'w1', tasks: [], workflows: [], concurrency: 1 });
    const lease = { run: 'r1', node: 'n', attempt: 1 };
    await link.claim({ worker: 'w1', limit: 1, wait: 0 });
    await expect.poll(() => fenced, { timeout: 10_000 }).toBe(true);
    await expect(link.append(lease, 1, [])).rejects.toMatchObject({ code: 'stale_attempt', facts: { newest: 2 } });
    await link.close();
  });
});
