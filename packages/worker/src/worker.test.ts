import { afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { SimulatedClock } from './clock.ts';
import { MemoryEngine } from './memory-engine.suite.ts';
import { task } from './task.ts';
import { createWorker, GRACE, type Worker } from './worker.ts';
import { workflow } from './workflow.ts';

describe('a worker', () => {
  const clock = new SimulatedClock();
  const engine = () => new MemoryEngine(clock);
  let worker: Worker | undefined;
  afterEach(() => worker?.stop());

  test('runs as many attempts at the same time as it was told, and no more', async () => {
    const memory = engine();
    let running = 0;
    let most = 0;
    const go: (() => void)[] = [];
    const work = task('work', async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => go.push(resolve));
      running -= 1;
    });
    worker = createWorker({ link: memory.link, clock, concurrency: 3, workflows: [workflow('w', { task: work })] });
    await worker.start();
    const runs = await Promise.all(Array.from({ length: 7 }, () => memory.create('w', null)));
    for (let n = 0; n < 7; n += 1) {
      await vi.waitFor(() => expect(go.length).toBeGreaterThan(0));
      go.shift()?.();
    }
    for (const run of runs) {
      await vi.waitFor(async () => expect((await memory.view(run)).control.status).toBe('completed'));
    }
    expect(most).toBe(3);
  });

  test('[WRK-29] waits for a server that is not there yet, and tells that it does', async () => {
    const memory = engine();
    const register = memory.link.register.bind(memory.link);
    let failures = 3;
    memory.link.register = (registration) =>
      failures-- > 0 ? Promise.reject(new TypeError('fetch failed')) : register(registration);
    const onError = vi.fn();
    worker = createWorker({ link: memory.link, clock, random: () => 1, onError, tasks: [task('work', () => 1)] });
    let started = false;
    const starting = worker.start().then(() => {
      started = true;
    });
    await vi.waitFor(() => {
      clock.advance(1_000);
      expect(started).toBe(true);
    });
    await starting;
    expect(onError).toHaveBeenCalledTimes(3);
  });

  test('[WRK-30] a worker that stops hands back what does not stop by itself, and takes nothing more', async () => {
    const memory = engine();
    const kinds: string[] = [];
    const work = task('work', (ctx) => {
      ctx.signal.addEventListener('abort', () => kinds.push(ctx.signal.reason.kind));
      return new Promise(() => {});
    });
    const stopping = createWorker({ link: memory.link, clock, workflows: [workflow('w', { task: work })] });
    await stopping.start();
    await memory.create('w', null);
    const node = async () => (await memory.view('run-1')).control.nodes.work;
    await vi.waitFor(async () => expect((await node())?.status).toBe('running'));
    let stopped = false;
    const done = stopping.stop({ drain: 10_000 }).then(() => {
      stopped = true;
    });
    await vi.waitFor(() => expect(clock.waiting).toBeGreaterThan(0));
    clock.advance(9_999);
    expect(kinds).toEqual([]);
    clock.advance(1);
    await vi.waitFor(() => expect(kinds).toEqual(['draining']));
    await vi.waitFor(() => {
      clock.advance(GRACE);
      expect(stopped).toBe(true);
    });
    await done;
    const events = await memory.events('run-1');
    expect(events.at(-1)).toMatchObject({ type: 'node.parked', data: { reason: 'draining' } });
    expect((await node())?.status).toBe('queued');
  });

  test('lets attempts finish while it drains', async () => {
    const memory = engine();
    const busy = Promise.withResolvers<string>();
    const draining = createWorker({
      link: memory.link,
      clock,
      workflows: [workflow('w', { task: task('work', () => busy.promise) })],
    });
    await draining.start();
    await memory.create('w', null);
    await vi.waitFor(async () => expect((await memory.view('run-1')).control.counts.running).toBe(1));
    const done = draining.stop({ drain: 10_000 });
    busy.resolve('done');
    await done;
    expect((await memory.view('run-1')).control.output).toBe('done');
  });

  test('[WRK-31] an input that the task’s schema refuses fails the node for good, before the handler runs', async () => {
    const memory = engine();
    const handler = vi.fn();
    const work = task('work', handler, { input: z.object({ name: z.string() }), retry: { attempts: 3, delay: 0 } });
    worker = createWorker({ link: memory.link, clock, workflows: [workflow('w', { task: work })] });
    await worker.start();
    await memory.create('w', { name: 7 });
    await vi.waitFor(async () => expect((await memory.view('run-1')).control.status).toBe('failed'));
    expect((await memory.view('run-1')).control.error).toMatchObject({
      code: 'input_invalid',
      message: expect.stringContaining('name'),
    });
    expect(handler).not.toHaveBeenCalled();
  });

  test('refuses two tasks of one name', () => {
    const tasks = [task('work', () => 1), task('work', () => 2)];
    expect(() => createWorker({ link: engine().link, tasks })).toThrow(/Two tasks are named "work"/);
  });
});
