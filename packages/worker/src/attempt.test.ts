import { type Json, MillraceError } from '@millrace/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SimulatedClock } from './clock.ts';
import type { TaskContext } from './context.ts';
import { NonRetryable } from './errors.ts';
import { MemoryEngine } from './memory-engine.suite.ts';
import { task } from './task.ts';
import { createWorker, type Worker } from './worker.ts';
import { workflow } from './workflow.ts';

describe('an attempt', () => {
  const clock = new SimulatedClock();
  let engine: MemoryEngine;
  let worker: Worker;

  beforeEach(() => {
    engine = new MemoryEngine(clock);
  });
  afterEach(() => worker.stop());

  const run = async (handler: (ctx: TaskContext) => unknown, input: Json = null) => {
    const work = task('work', handler);
    const retry = { attempts: 3, delay: 0 };
    worker = createWorker({
      link: engine.link,
      clock,
      random: () => 0,
      workflows: [workflow('w', { nodes: { n: { task: work, retry } } })],
    });
    await worker.start();
    return engine.create('w', input);
  };
  const node = async (id = 'run-1') => (await engine.view(id)).control.nodes.n;
  const reached = (status: string) => vi.waitFor(async () => expect((await node())?.status).toBe(status));
  const types = async () => (await engine.events('run-1')).map(({ type }) => type);
  const lease = (attempt = 1) => ({ run: 'run-1', node: 'n', attempt });

  test('[WRK-14] a step is tried again by its own policy, with growing pauses', async () => {
    const tries: number[] = [];
    await run((ctx) =>
      ctx.step(
        'call',
        ({ attempt }) => {
          tries.push(clock.now());
          if (attempt < 3) throw new Error('busy');
          return attempt;
        },
        { retry: { attempts: 3, delay: 100, factor: 3 } },
      ),
    );
    await vi.waitFor(() => expect(clock.waiting).toBe(1));
    clock.advance(100);
    await vi.waitFor(() => expect(tries).toHaveLength(2));
    await vi.waitFor(() => expect(clock.waiting).toBe(1));
    clock.advance(300);
    await reached('completed');
    expect(tries.map((at) => at - (tries[0] ?? 0))).toEqual([0, 100, 400]);
    expect((await types()).filter((type) => type.startsWith('step.'))).toEqual([
      'step.started',
      'step.failed',
      'step.started',
      'step.failed',
      'step.started',
      'step.completed',
    ]);
  });

  test('[WRK-15] a NonRetryable failure is tried again neither by the step nor by the node', async () => {
    const call = vi.fn(() => {
      throw new NonRetryable('no such account', { code: 'account_unknown' });
    });
    await run((ctx) => ctx.step('call', call, { retry: { attempts: 5 } }));
    await reached('failed');
    expect(call).toHaveBeenCalledTimes(1);
    expect((await node())?.error).toMatchObject({ code: 'account_unknown', retryable: false });
  });

  test('[WRK-16] the same step twice in one attempt is refused, and the handler may go on', async () => {
    await run(async (ctx) => {
      await ctx.step('call', () => 1);
      return ctx.step('call', () => 2).catch((error: MillraceError) => error.code);
    });
    await reached('completed');
    expect((await node())?.output).toBe('step_name_reused');
  });

  test('[WRK-17] a call of another kind than the log holds fails the node for good, whatever the handler makes of it', async () => {
    await run(async (ctx) => {
      if (ctx.attempt === 1) {
        await ctx.step('release', () => 1);
        throw new Error('again');
      }
      return ctx.approval('release', { title: 'Release?' }).catch(() => 'caught');
    });
    await reached('failed');
    expect((await node())?.error).toMatchObject({ code: 'journal_mismatch', retryable: false });
  });

  test('[WRK-18] a stale attempt hears "lost", tells nothing more and settles no call', async () => {
    const busy = Promise.withResolvers<void>();
    const kinds: string[] = [];
    const settled = vi.fn();
    await run(async (ctx) => {
      if (ctx.attempt > 1) return 'second';
      ctx.signal.addEventListener('abort', () => kinds.push(ctx.signal.reason.kind));
      await ctx.step('one', () => busy.promise).finally(settled);
      return 'first';
    });
    await vi.waitFor(async () => expect(await types()).toContain('step.started'));
    engine.lose(lease());
    await reached('completed');
    busy.resolve();
    await vi.waitFor(() => expect(kinds).toEqual(['lost']));
    expect((await node())?.output).toBe('second');
    expect(settled).not.toHaveBeenCalled();
    expect(await types()).not.toContain('step.completed');
  });

  test('[WRK-19] a paused attempt finishes its running step, begins no other and hands the node back', async () => {
    const busy = Promise.withResolvers<string>();
    const second = vi.fn(() => 'two');
    await run(async (ctx) => [await ctx.step('one', () => busy.promise), await ctx.step('two', second), ctx.attempt]);
    await vi.waitFor(async () => expect(await types()).toContain('step.started'));
    engine.signal({ ...lease(), state: 'pause' });
    busy.resolve('one');
    await reached('completed');
    const events = await engine.events('run-1');
    expect(events.find(({ type }) => type === 'node.parked')?.data).toEqual({ reason: 'paused' });
    expect((await node())?.output).toEqual(['one', 'two', 2]);
    expect(second).toHaveBeenCalledTimes(1);
  });

  test('a step that stops because of a pause has not failed', async () => {
    await run(async (ctx) => {
      const wait = (signal: AbortSignal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return ctx.attempt === 1 ? ctx.step('one', ({ signal }) => wait(signal)) : ctx.step('one', () => 'done');
    });
    await vi.waitFor(async () => expect(await types()).toContain('step.started'));
    engine.signal({ ...lease(), state: 'pause' });
    await reached('completed');
    expect(await types()).not.toContain('step.failed');
    expect((await node())?.output).toBe('done');
  });

  test('[WRK-20] a cancelled handler is told and may clean up; its failure is not one of the node', async () => {
    const cleaned = vi.fn();
    await run(async (ctx) => {
      if (ctx.attempt > 1) return;
      try {
        await new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)));
      } finally {
        await ctx.step('more', () => 1).catch((error: Error) => cleaned(error.name));
      }
    });
    await vi.waitFor(async () => expect(await types()).toContain('node.started'));
    engine.signal({ ...lease(), state: 'cancel', reason: 'a user asked' });
    await vi.waitFor(async () => expect(await types()).toContain('node.parked'));
    expect(cleaned).toHaveBeenCalledWith('AbortError');
    expect(await types()).not.toContain('node.failed');
  });

  test('[WRK-21] an attempt that passes its time limit fails with timeout, whatever its handler does', async () => {
    const claim = engine.link.claim.bind(engine.link);
    engine.link.claim = async (request, signal) =>
      (await claim(request, signal)).map((one) => (one.attempt === 1 ? { ...one, timeoutMs: 1_000 } : one));
    await run((ctx) => (ctx.attempt === 1 ? new Promise(() => {}) : 'in time'));
    await vi.waitFor(() => expect(clock.waiting).toBe(1));
    clock.advance(1_000);
    await reached('completed');
    const retrying = (await engine.events('run-1')).find((event) => event.type === 'node.retrying');
    expect(retrying?.data).toMatchObject({ error: { code: 'timeout' } });
  });

  test('[WRK-22] a checkpoint holds the newest state, and saving what it holds writes nothing', async () => {
    const loaded: unknown[] = [];
    await run(async (ctx) => {
      loaded.push(await ctx.checkpoint.load('at'));
      for (const at of [1, 2, 2]) await ctx.checkpoint('at', { at });
      if (ctx.attempt === 1) throw new Error('again');
      return ctx.checkpoint.load('at');
    });
    await reached('completed');
    expect(loaded).toEqual([undefined, { at: 2 }]);
    expect((await node())?.output).toEqual({ at: 2 });
    const saved = (await engine.events('run-1')).filter((event) => event.type === 'checkpoint.saved');
    expect(saved.map(({ attempt, data }) => [attempt, data.state])).toEqual([
      [1, { at: 1 }],
      [1, { at: 2 }],
      [2, { at: 1 }],
      [2, { at: 2 }],
    ]);
  });

  test('[DIA-83] a loaded checkpoint is the handler’s own: it may change it and save it', async () => {
    await run(async (ctx) => {
      await ctx.checkpoint('parts', ['a']);
      const parts = (await ctx.checkpoint.load<string[]>('parts')) ?? [];
      parts.push('b');
      await ctx.checkpoint('parts', parts);
      return ctx.checkpoint.load('parts');
    });
    await reached('completed');
    expect((await node())?.output).toEqual(['a', 'b']);
    const saved = (await engine.events('run-1')).filter((event) => event.type === 'checkpoint.saved');
    expect(saved.map(({ data }) => data.state)).toEqual([['a'], ['a', 'b']]);
  });

  test('what was told after the last result is told again, since it is retracted', async () => {
    await run(async (ctx) => {
      ctx.log.info('before');
      await ctx.step('one', () => 1);
      ctx.log.info('after');
      if (ctx.attempt === 1) throw new Error('again');
    });
    await reached('completed');
    const { lines } = (await engine.view('run-1')).content.logs;
    expect(lines.filter(({ superseded }) => !superseded).map(({ message }) => message)).toEqual(['before', 'after']);
  });

  test('[WRK-23] a log line that the log refuses becomes an error event, and the attempt goes on', async () => {
    engine.check = (events) => {
      if (events.some((event) => event.type === 'log' && event.data.message === 'bad'))
        throw new MillraceError('event_invalid');
    };
    await run(async (ctx) => {
      ctx.log.info('bad');
      const round: { self?: unknown } = {};
      round.self = round;
      ctx.log.info('good', round);
      return ctx.step('one', () => 1);
    });
    await reached('completed');
    const { errors, logs } = (await engine.view('run-1')).content;
    expect(errors).toMatchObject([{ code: 'event_invalid' }]);
    expect(logs.lines).toMatchObject([{ message: 'good', metadata: '[object Object]' }]);
  });

  test('a result that JSON cannot carry fails the step for good', async () => {
    await run((ctx) => ctx.step('one', () => 10n));
    await reached('failed');
    expect((await node())?.error).toMatchObject({ code: 'event_invalid', retryable: false });
  });

  test('an append whose reply is lost is written once', async () => {
    let lost = 0;
    engine.fate = (events) =>
      events.some(({ type }) => type === 'step.completed') && lost++ === 0 ? 'reply lost' : 'arrives';
    await run((ctx) => ctx.step('one', () => 1));
    await vi.waitFor(() => {
      clock.advance(1);
      expect(lost).toBeGreaterThan(1);
    });
    await reached('completed');
    expect((await types()).filter((type) => type === 'step.completed')).toHaveLength(1);
  });

  test('progress, metrics, usage and errors stand in the run, those of a step under the step', async () => {
    await run(async (ctx) => {
      ctx.progress(10, 'half');
      ctx.metric('rows', 3, 'rows');
      ctx.usage({ inputTokens: 5, cost: { amount: 0.5, currency: 'EUR' } });
      ctx.error('feed_missing', 'No feed today');
      await ctx.step('load', () => ctx.progress(50), { key: 'a/b' });
    });
    await reached('completed');
    const { content, control } = await engine.view('run-1');
    const told = (await engine.events('run-1')).filter(({ type }) => type.endsWith('.progress'));
    expect(told).toMatchObject([
      { type: 'node.progress', node: 'n', data: { progress: 10, message: 'half' } },
      { type: 'step.progress', step: 'load/a/b', data: { name: 'load', key: 'a/b', progress: 50 } },
    ]);
    expect(content.metrics.rows).toMatchObject({ value: 3, unit: 'rows' });
    expect(content.errors).toMatchObject([{ code: 'feed_missing', node: 'n' }]);
    expect(control.usage).toEqual({ inputTokens: 5, outputTokens: 0, cost: { EUR: 0.5 } });
  });

  test('a document is shown from its start to its end, also when it fails', async () => {
    await run(async (ctx) => {
      await ctx.kb('docs', { documentId: '1', fileName: 'a.md', bytes: 9 }, (report) => {
        report('chunking', 50, { chunks: 2 });
        return { chunks: 2, embeddings: 2 };
      });
      const broken = { documentId: '2', fileName: 'b.md' };
      await ctx
        .kb('docs', broken, (report) => {
          report('embedding', 10);
          throw new Error('no model');
        })
        .catch(() => {});
    });
    await reached('completed');
    const { documents } = (await engine.view('run-1')).content;
    expect(documents['docs/1']).toMatchObject({
      status: 'completed',
      bytes: 9,
      chunks: 2,
      embeddings: 2,
      step: 'kb/docs/1',
    });
    expect(documents['docs/2']).toMatchObject({ status: 'failed', phase: 'embedding', error: 'no model' });
  });
});
