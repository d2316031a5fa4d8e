import type { Json, MillraceError, NewEvent } from '@millrace/protocol';
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { z } from 'zod';
import { SimulatedClock } from './clock.ts';
import type { TaskContext } from './context.ts';
import { ChildFailed } from './errors.ts';
import { MemoryEngine } from './memory-engine.suite.ts';
import { task } from './task.ts';
import { createWorker, GRACE, type Worker } from './worker.ts';
import { workflow } from './workflow.ts';

const clock = new SimulatedClock();
let engine: MemoryEngine;
let worker: Worker;

beforeEach(() => {
  engine = new MemoryEngine(clock);
});
afterEach(() => worker.stop());

async function run(handler: (ctx: TaskContext) => unknown, input: Json = null): Promise<string> {
  const child = task('child', (_ctx, { fail }: { fail?: string }) => {
    if (fail) throw new Error(fail);
    return 'grown';
  });
  const retry = { attempts: 2, delay: 0 };
  const workflows = [
    workflow('w', { nodes: { n: { task: task('work', handler), retry } } }),
    workflow('child', { task: child }),
  ];
  worker = createWorker({ link: engine.link, clock, random: () => 0, workflows });
  await worker.start();
  return engine.create('w', input);
}
const control = async (id = 'run-1') => (await engine.view(id)).control;
const node = async () => (await control()).nodes.n;
const reached = (status: string) => vi.waitFor(async () => expect((await node())?.status).toBe(status));
const types = async () => (await engine.events('run-1')).map(({ type }) => type);
const wrote = (type: NewEvent['type']) => vi.waitFor(async () => expect(await types()).toContain(type));
const eventOf = async (type: NewEvent['type']) => (await engine.events('run-1')).find((event) => event.type === type);
const codeOf = (error: MillraceError) => error.code;

describe('ctx.input', () => {
  test('[WRK-52] asks by JSON Schema, and gives the answer as its Standard Schema makes it', async () => {
    const schema = z.object({ email: z.string(), seats: z.coerce.number().default(1), from: z.iso.date() });
    await run(async (ctx) => {
      const answer = await ctx.input('order', { prompt: 'Whose?', schema });
      expectTypeOf(answer).toEqualTypeOf<{ email: string; seats: number; from: string }>();
      return answer;
    });
    await reached('waiting');
    expect((await eventOf('input.requested'))?.data).toMatchObject({
      inputId: 'n:order',
      prompt: 'Whose?',
      schema: { type: 'object', required: ['email', 'from'], properties: { email: { type: 'string' } } },
    });
    await engine.provide('run-1', 'n:order', { email: 'ada@example.org', from: '2027-01-01' });
    await reached('completed');
    expect((await node())?.output).toEqual({ email: 'ada@example.org', seats: 1, from: '2027-01-01' });
  });

  test('an answer that only code can refuse fails the node for good', async () => {
    const schema = z.string().refine((text) => text !== 'root', 'may not be root');
    await run((ctx) => ctx.input('name', { prompt: 'Name?', schema }));
    await reached('waiting');
    await engine.provide('run-1', 'n:name', 'root');
    await reached('failed');
    expect((await node())?.error).toMatchObject({ code: 'input_invalid', retryable: false });
  });

  test('[WRK-53] that nobody answers in time is its default, else input_timed_out', async () => {
    await run((ctx) =>
      Promise.all([
        ctx.input<string>('a', { prompt: 'A?', schema: { type: 'string' }, timeout: 1_000, default: 'none' }),
        ctx.input('b', { prompt: 'B?', timeout: 1_000 }).catch(codeOf),
      ]),
    );
    await reached('waiting');
    clock.advance(1_000);
    await reached('completed');
    expect((await node())?.output).toEqual(['none', 'input_timed_out']);
  });

  test('refuses a schema that cannot be asked by, and a default that is no answer', async () => {
    await run((ctx) =>
      Promise.all([
        ctx.input('a', { prompt: 'A?', schema: z.date() }).catch(codeOf),
        ctx.input('b', { prompt: 'B?', schema: z.string().max(2), timeout: 1, default: 'long' }).catch(codeOf),
      ]),
    );
    await reached('completed');
    expect((await node())?.output).toEqual(['invalid_request', 'input_invalid']);
  });
});

describe('ctx.sleep', () => {
  test('[WRK-54] ends when its time has come, counted from when it was first called', async () => {
    const woke: number[] = [];
    const began = clock.now();
    await run(async (ctx) => {
      await ctx.sleep('nap', 60_000);
      woke.push(clock.now() - began);
      await ctx.sleep('night', { until: new Date(began + 100_000) });
      woke.push(clock.now() - began);
    });
    await reached('waiting');
    clock.advance(60_000);
    await vi.waitFor(async () => expect((await node())?.waits).toEqual(['n:night']));
    clock.advance(40_000);
    await reached('completed');
    expect(woke).toEqual([60_000, 100_000, 100_000]);
  });

  test('refuses what is no time', async () => {
    await run((ctx) => ctx.sleep('nap', Number.NaN));
    await reached('failed');
    expect((await node())?.error).toMatchObject({ code: 'invalid_request' });
  });
});

describe('ctx.run', () => {
  test('[WRK-55] starts a run of another workflow with an input, and answers its output', async () => {
    await run((ctx) => ctx.run('one', 'child', {}, { detached: true }));
    await reached('completed');
    expect((await node())?.output).toBe('grown');
    expect((await eventOf('child.started'))?.data).toMatchObject({
      childId: 'n:one',
      workflow: 'child',
      input: {},
      detached: true,
    });
  });

  test('[WRK-56] rejects with ChildFailed where the child does not complete; uncaught, that fails the node for good', async () => {
    let caught: unknown;
    await run(async (ctx) => {
      await ctx.run('one', 'child', { fail: 'no water' }).catch((error: unknown) => {
        caught = error;
        throw error;
      });
    });
    await reached('failed');
    expect(caught).toBeInstanceOf(ChildFailed);
    expect(caught).toMatchObject({ run: 'child-1', outcome: 'failed', error: { message: 'no water' } });
    expect((await node())?.error).toMatchObject({
      code: 'child_failed',
      message: 'The child run child-1 of "child" failed: no water',
      retryable: false,
    });
  });
});

describe('ctx.approval', () => {
  test('[WRK-57] names who is asked next, and for how long', async () => {
    const escalate = [{ to: 'group:leads', timeout: 5_000 }];
    await run((ctx) => ctx.approval('go', { title: 'Go?', timeout: 1_000, onTimeout: { escalate } }));
    await reached('waiting');
    const request = await eventOf('approval.requested');
    expect(request?.data).toMatchObject({ onTimeout: 'escalate', escalateTo: escalate });
    expect(request?.data).toMatchObject({ timeoutAt: (request?.at ?? 0) + 1_000 });
  });

  test('an escalation needs a timeout', async () => {
    await run((ctx) => ctx.approval('go', { title: 'Go?', onTimeout: { escalate: [] } }));
    await reached('failed');
    expect((await node())?.error).toMatchObject({ code: 'invalid_request' });
  });

  test('[WRK-58] a rejection that fails the node ends an attempt that is still busy', async () => {
    const kinds: string[] = [];
    await run((ctx) => {
      ctx.signal.addEventListener('abort', () => kinds.push(ctx.signal.reason.kind));
      const busy = ctx.step('s', () => new Promise(() => {}));
      return Promise.all([ctx.approval('a', { title: 'Go?', onReject: 'fail' }), busy]);
    });
    await wrote('approval.requested');
    await engine.answer('run-1', 'n:a', 'rejected');
    await reached('failed');
    expect((await node())?.error).toMatchObject({ code: 'approval_rejected' });
    await vi.waitFor(() => expect(kinds).toEqual(['lost']));
  });
});

const calls: Record<string, (ctx: TaskContext) => Promise<unknown>> = {
  step: (ctx) => ctx.step('x', () => 1),
  agent: (ctx) => ctx.agent('x', () => (async function* () {})()),
  approval: (ctx) => ctx.approval('x', { title: 'X?' }),
  input: (ctx) => ctx.input('x', { prompt: 'X?' }),
  sleep: (ctx) => ctx.sleep('x', 60_000),
  child: (ctx) => ctx.run('x', 'child', {}),
};
const waits = Object.entries(calls).filter(([kind]) => kind !== 'step' && kind !== 'agent');

describe('a durable call', () => {
  test.each(Object.entries(calls))('[WRK-16] of a used name is refused: %s', async (_kind, call) => {
    await run(async (ctx) => {
      const first = call(ctx).catch(() => {});
      return Promise.race([first.then(() => new Promise(() => {})), call(ctx).catch(codeOf)]);
    });
    await reached('completed');
    expect((await node())?.output).toBe('step_name_reused');
  });

  test.each(Object.entries(calls))(
    '[WRK-17] that the log holds as another kind fails the node for good: %s',
    async (kind, call) => {
      const other = calls[kind === 'step' || kind === 'agent' ? 'sleep' : 'step'] as (typeof calls)[string];
      await run(async (ctx) => {
        if (ctx.attempt > 1) return call(ctx).catch(() => 'caught');
        await Promise.race([other(ctx), ctx.step('begun', () => new Promise((go) => setImmediate(go)))]);
        throw new Error('again');
      });
      await reached('failed');
      expect((await node())?.error).toMatchObject({ code: 'journal_mismatch', retryable: false });
    },
  );

  test.each(waits)('[WRK-59] that waits cannot stand inside a step: %s', async (_kind, call) => {
    await run((ctx) => ctx.step('outer', () => call(ctx).catch(codeOf)));
    await reached('completed');
    expect((await node())?.output).toBe('invalid_request');
  });
});

describe('durable calls together', () => {
  test('[WRK-60] all of them wait at the same time, without a worker', async () => {
    const ran = vi.fn(() => 'stepped');
    await run((ctx) =>
      Promise.allSettled([
        ctx.step('step', ran),
        ctx.sleep('sleep', 1_000),
        ctx.input('input', { prompt: '?' }),
        ctx.approval('approval', { title: '?' }),
        ctx.run('child', 'child', { fail: 'dry' }).catch(({ outcome }: ChildFailed) => outcome),
      ]).then((all) => all.map((one) => (one.status === 'fulfilled' ? (one.value ?? null) : 'rejected'))),
    );
    await vi.waitFor(async () => expect((await control()).openWaits).toBe(3));
    await reached('waiting');
    await engine.answer('run-1', 'n:approval', 'approved');
    await vi.waitFor(async () => expect((await node())?.waits).toEqual(['n:sleep', 'n:input']));
    clock.advance(1_000);
    await vi.waitFor(async () => expect((await node())?.waits).toEqual(['n:input']));
    await engine.provide('run-1', 'n:input', 7);
    await reached('completed');
    const approved = { decision: 'approved', approved: true, by: 'user:ada' };
    expect((await node())?.output).toEqual(['stepped', null, 7, approved, 'failed']);
    expect(ran).toHaveBeenCalledTimes(1);
  });

  test('[WRK-61] a sleep beats a step that is still busy, and does so again in a replay', async () => {
    const busy = Promise.withResolvers<string>();
    const winners: unknown[] = [];
    await run(async (ctx) => {
      const slow = ctx.step('slow', () => busy.promise);
      winners.push((await Promise.race([slow, ctx.sleep('limit', 1_000)])) ?? 'limit');
      await slow;
      await ctx.approval('go', { title: '?' });
    });
    await wrote('sleep.started');
    clock.advance(1_000);
    await vi.waitFor(() => expect(winners).toEqual(['limit']));
    busy.resolve('slow');
    await reached('waiting');
    await engine.answer('run-1', 'n:go', 'approved');
    await reached('completed');
    expect(winners).toEqual(['limit', 'limit']);
  });

  test('[WRK-61] an answer and a result are given in the order of the log, however late the news of the answer comes', async () => {
    const busy = Promise.withResolvers<string>();
    const winners: unknown[] = [];
    engine.nudges = false;
    await run(async (ctx) => {
      const build = ctx.step('build', () => busy.promise);
      winners.push(await Promise.race([build, ctx.input('skip', { prompt: 'Skip?' })]));
      await build;
      await ctx.sleep('a while', 1_000);
    });
    await wrote('input.requested');
    await engine.provide('run-1', 'n:skip', 'skipped');
    busy.resolve('built');
    await reached('waiting');
    clock.advance(1_000);
    await reached('completed');
    expect(winners).toEqual(['skipped', 'skipped']);
  });

  test('what a step that is done beside open ones tells stands once', async () => {
    const busy = Promise.withResolvers<void>();
    const map = (ctx: TaskContext) => async (n: number) => {
      await ctx.step('load', () => (n === 2 && ctx.attempt === 1 ? busy.promise : undefined), { key: `${n}` });
      ctx.log.info(`loaded ${n}`);
      await ctx.step('save', () => n, { key: `${n}` });
    };
    await run((ctx) => Promise.all([1, 2].map(map(ctx))));
    await vi.waitFor(async () => expect(Object.keys((await node())?.steps ?? {})).toContain('save/1'));
    await vi.waitFor(async () => expect((await node())?.steps['save/1']?.status).toBe('completed'));
    engine.lose({ run: 'run-1', node: 'n', attempt: 1 });
    await reached('completed');
    busy.resolve();
    const { lines } = (await engine.view('run-1')).content.logs;
    const standing = lines.filter(({ superseded }) => !superseded).map(({ message }) => message);
    expect(standing.sort()).toEqual(['loaded 1', 'loaded 2']);
  });

  test('what is told before a checkpoint stands, and is not told again', async () => {
    await run(async (ctx) => {
      ctx.log.info('before');
      await ctx.checkpoint('at', 1);
      ctx.log.info('between');
      await ctx.checkpoint('at', 2);
      ctx.log.info('after');
      if (ctx.attempt === 1) throw new Error('again');
    });
    await reached('completed');
    const { lines } = (await engine.view('run-1')).content.logs;
    expect(lines.filter(({ superseded }) => !superseded).map(({ message }) => message)).toEqual([
      'before',
      'between',
      'after',
    ]);
    expect((await types()).filter((type) => type === 'checkpoint.saved')).toHaveLength(2);
  });
});

describe('a wait', () => {
  test('[WRK-62] of a cancelled run never settles, and its run ends', async () => {
    const settled = vi.fn();
    const busy = Promise.withResolvers<void>();
    await run((ctx) => Promise.all([ctx.sleep('long', 60_000).finally(settled), ctx.step('s', () => busy.promise)]));
    await wrote('sleep.started');
    await engine.command('run-1', 'cancel');
    busy.resolve();
    await vi.waitFor(async () => expect((await control()).status).toBe('cancelled'));
    expect((await control()).waits['n:long']?.status).toBe('cancelled');
    expect(settled).not.toHaveBeenCalled();
  });

  test('[WRK-63] of a parked run is cancelled without an attempt', async () => {
    await run((ctx) => ctx.sleep('long', 60_000));
    await reached('waiting');
    await engine.command('run-1', 'cancel');
    clock.advance(60_000);
    expect((await control()).status).toBe('cancelled');
    expect((await types()).filter((type) => type === 'node.started')).toHaveLength(1);
  });

  test('[WRK-64] a pause lets the running step finish, the attempt parks on its wait, and resume goes on from both', async () => {
    const busy = Promise.withResolvers<string>();
    const stepped = vi.fn(() => busy.promise);
    await run((ctx) => Promise.all([ctx.step('s', stepped), ctx.input('i', { prompt: '?' })]));
    await wrote('input.requested');
    await engine.command('run-1', 'pause');
    busy.resolve('done');
    await reached('waiting');
    await engine.provide('run-1', 'n:i', 'given');
    expect((await node())?.status).toBe('queued');
    await engine.command('run-1', 'resume');
    await reached('completed');
    expect((await node())?.output).toEqual(['done', 'given']);
    expect(stepped).toHaveBeenCalledTimes(1);
  });

  test('[WRK-65] a worker that drains parks what only waits, and hands back the rest', async () => {
    const busy = Promise.withResolvers<string>();
    await run((ctx) => Promise.all([ctx.step('s', () => busy.promise), ctx.sleep('z', 60_000)]));
    await wrote('sleep.started');
    const stopped = worker.stop({ drain: 60 * GRACE });
    busy.resolve('done');
    await stopped;
    expect((await node())?.status).toBe('waiting');
  });
});
