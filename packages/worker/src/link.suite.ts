import type { Json, RunEvent, RunView, WorkerLink } from '@millrace/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChildFailed } from './errors.ts';
import { task } from './task.ts';
import { createWorker, type Worker } from './worker.ts';
import { workflow } from './workflow.ts';

/** A link with the engine behind it, and what a test needs of that engine. */
export interface LinkRig {
  readonly link: WorkerLink;
  /** Creates a run of a workflow that a worker has registered. */
  create(workflow: string, input: Json): Promise<string>;
  view(run: string): Promise<RunView>;
  events(run: string): Promise<RunEvent[]>;
  answer(run: string, approvalId: string, decision: string, comment?: string): Promise<void>;
  provide(run: string, inputId: string, value: Json): Promise<void>;
  command(run: string, type: 'pause' | 'resume' | 'cancel'): Promise<void>;
  close(): Promise<void>;
}

const PATIENT = { timeout: 10_000 };

/** What a worker's tasks can rely on, over any link. */
export function linkSuite(name: string, open: () => Promise<LinkRig>): void {
  describe(`a worker over the ${name} link`, () => {
    let rig: LinkRig;
    const workers: Worker[] = [];

    beforeEach(async () => {
      rig = await open();
    });

    afterEach(async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.stop()));
      await rig.close();
    });

    const begin = async (options: Omit<Parameters<typeof createWorker>[0], 'link' | 'url' | 'token'>) => {
      const worker = createWorker({ ...options, link: rig.link });
      workers.push(worker);
      await worker.start();
      return worker;
    };
    const reached = (run: string, status: string) =>
      expect.poll(async () => (await rig.view(run)).control.status, PATIENT).toBe(status);
    const waiting = (run: string, node: string) =>
      expect.poll(async () => (await rig.view(run)).control.nodes[node]?.status, PATIENT).toBe('waiting');
    const types = async (run: string) => (await rig.events(run)).map(({ type }) => type);
    const lines = async (run: string) =>
      (await rig.events(run)).flatMap((event) => (event.type === 'log' ? [event.data.message] : []));

    test('[WRK-1] a job gets its input and its place, and its output ends the run', async () => {
      const greet = task('greet', (ctx, { name }: { name: string }) => ({
        greeting: `Hello, ${name}`,
        place: [ctx.workflow, ctx.node, ctx.attempt],
      }));
      await begin({ workflows: [workflow('greeting', { task: greet })] });
      const run = await rig.create('greeting', { name: 'Ada' });
      await reached(run, 'completed');
      const { output } = (await rig.view(run)).control;
      expect(output).toEqual({ greeting: 'Hello, Ada', place: ['greeting', 'greet', 1] });
      expect(await types(run)).toEqual(['run.created', 'node.started', 'node.completed', 'run.completed']);
    });

    test('[WRK-2] a step that has finished is not run again by a later attempt', async () => {
      const ran: string[] = [];
      const flaky = task('flaky', async (ctx) => {
        const first = await ctx.step('first', () => {
          ran.push('first');
          return { at: new Date(0) };
        });
        const second = await ctx.step('second', () => {
          ran.push('second');
          if (ctx.attempt === 1) throw new Error('not yet');
          return 2;
        });
        return { first, second };
      });
      await begin({
        workflows: [workflow('flaky', { nodes: { work: { task: flaky, retry: { attempts: 2, delay: 1 } } } })],
      });
      const run = await rig.create('flaky', null);
      await reached(run, 'completed');
      expect(ran).toEqual(['first', 'second', 'second']);
      expect((await rig.view(run)).control.output).toEqual({ first: { at: '1970-01-01T00:00:00.000Z' }, second: 2 });
    });

    test('[WRK-3] steps of one name run at the same time when each has its own key', async () => {
      const squares = task('squares', (ctx, numbers: number[]) =>
        Promise.all(
          numbers.map((n) => ctx.step('square', ({ idempotencyKey }) => [n * n, idempotencyKey], { key: `${n}` })),
        ),
      );
      await begin({ workflows: [workflow('squares', { task: squares })] });
      const run = await rig.create('squares', [1, 2, 3]);
      await reached(run, 'completed');
      const keyOf = (n: number) => `${run}/squares/square/${n}`;
      expect((await rig.view(run)).control.output).toEqual([
        [1, keyOf(1)],
        [4, keyOf(2)],
        [9, keyOf(3)],
      ]);
    });

    test('[WRK-4] a task that waits for an approval holds no worker, and goes on with its answer', async () => {
      let caught = 0;
      const ask = task('ask', async (ctx) => {
        try {
          return await ctx.approval('release', { title: 'Release?', details: { build: 7 } });
        } catch (error) {
          caught += 1;
          throw error;
        }
      });
      const quick = task('quick', () => 'done');
      await begin({ concurrency: 1, workflows: [workflow('ask', { task: ask }), workflow('quick', { task: quick })] });
      const asking = await rig.create('ask', null);
      await waiting(asking, 'ask');
      const other = await rig.create('quick', null);
      await reached(other, 'completed');

      await rig.answer(asking, 'ask:release', 'approved', 'go on');
      await reached(asking, 'completed');
      const { output, nodes } = (await rig.view(asking)).control;
      expect(output).toEqual({ decision: 'approved', approved: true, comment: 'go on', by: expect.any(String) });
      expect(nodes.ask?.attempt).toBe(2);
      expect(caught).toBe(0);
      expect((await types(asking)).filter((type) => type === 'approval.requested')).toHaveLength(1);
    });

    test('[WRK-5] an answer that comes while the task is still busy is handed to the same attempt', async () => {
      const busy = Promise.withResolvers<string>();
      const both = task('both', (ctx) =>
        Promise.all([ctx.approval('release', { title: 'Release?' }), ctx.step('build', () => busy.promise)]),
      );
      await begin({ workflows: [workflow('both', { task: both })] });
      const run = await rig.create('both', null);
      await expect
        .poll(async () => Object.keys((await rig.view(run)).control.waits), PATIENT)
        .toEqual(['both:release']);
      await rig.answer(run, 'both:release', 'rejected');
      busy.resolve('built');
      await reached(run, 'completed');
      const { output, nodes } = (await rig.view(run)).control;
      expect(output).toEqual([{ decision: 'rejected', approved: false, by: expect.any(String) }, 'built']);
      expect(nodes.both?.attempt).toBe(1);
    });

    test('[WRK-6] what a task tells is told once, however often the task is led through it', async () => {
      const story = task('story', async (ctx) => {
        ctx.log.info('begin');
        await ctx.step('one', () => ctx.log.info('inside one'));
        ctx.log.info('after one');
        await ctx.approval('first', { title: 'First?' });
        ctx.log.info('after first');
        await ctx.approval('second', { title: 'Second?' });
        ctx.log.info('end', { chapters: 2 });
      });
      await begin({ workflows: [workflow('story', { task: story })] });
      const run = await rig.create('story', null);
      await waiting(run, 'story');
      await rig.answer(run, 'story:first', 'approved');
      await expect
        .poll(async () => (await rig.view(run)).control.nodes.story?.waits, PATIENT)
        .toEqual(['story:second']);
      await rig.answer(run, 'story:second', 'approved');
      await reached(run, 'completed');
      expect(await lines(run)).toEqual(['begin', 'inside one', 'after one', 'after first', 'end']);
      const { logs } = (await rig.view(run)).content;
      expect(logs.lines.filter((line) => line.superseded)).toEqual([]);
      expect(logs.lines.map((line) => line.step)).toEqual([undefined, 'one', undefined, undefined, undefined]);
    });

    test('[WRK-7] values too large for an event arrive whole, in this attempt and in later ones', async () => {
      const large = 'x'.repeat(100_000);
      const carry = task('carry', async (ctx) => {
        const text = await ctx.step('make', () => large);
        await ctx.checkpoint('text', { text });
        await ctx.approval('go on', { title: 'Go on?' });
        const kept = await ctx.checkpoint.load<{ text: string }>('text');
        return { same: text === large && kept?.text === large, attempt: ctx.attempt, text };
      });
      const last = task('last', (_ctx, { carry }: { carry: { text: string } }) => carry.text.length);
      await begin({
        workflows: [workflow('carry', { nodes: { carry: { task: carry }, last: { task: last, needs: ['carry'] } } })],
      });
      const run = await rig.create('carry', null);
      await waiting(run, 'carry');
      await rig.answer(run, 'carry:go on', 'approved');
      await reached(run, 'completed');
      expect((await rig.view(run)).control.output).toBe(100_000);
      const made = (await rig.events(run)).find((event) => event.type === 'step.completed');
      expect(made?.data).toMatchObject({ output: { $blob: expect.any(String), type: 'application/json' } });
    });

    test('[WRK-8] a file is stored once under its SHA-256 and shown in the run', async () => {
      const write = task('write', async (ctx) => ctx.file('report.md', '# Grüße', { type: 'text/markdown' }));
      await begin({ workflows: [workflow('write', { task: write })] });
      const run = await rig.create('write', null);
      await reached(run, 'completed');
      const [file] = (await rig.view(run)).content.files;
      expect(file).toMatchObject({ name: 'report.md', type: 'text/markdown', bytes: 9, step: 'file/report.md' });
      expect(file?.url).toBe(`/api/files/${file?.sha256}`);
      expect(new TextDecoder().decode(await rig.link.getBlob(file?.sha256 ?? ''))).toBe('# Grüße');
    });

    test('[WRK-67] a task asks for an input, sleeps and runs a child at the same time, and holds no worker meanwhile', async () => {
      const child = task('child', (_ctx, { n }: { n: number }) => ({ doubled: 2 * n }));
      const broken = task('broken', () => {
        throw new Error('no water');
      });
      const mixed = task('mixed', async (ctx) => {
        const first = await ctx.step('first', () => 1);
        const [seats, , grown, failed, last] = await Promise.all([
          ctx.input<number>('seats', { prompt: 'Seats?', schema: { type: 'number', minimum: 1 } }),
          ctx.sleep('nap', 20),
          ctx.run<{ doubled: number }>('grow', 'child', { n: 21 }),
          ctx
            .run('break', 'broken', {})
            .catch((error: ChildFailed) => [error.code, error.outcome, error.error?.message]),
          ctx.step('last', () => 'last'),
        ]);
        return { first, seats, grown, failed, last };
      });
      await begin({
        concurrency: 1,
        workflows: [
          workflow('mixed', { task: mixed }),
          workflow('child', { task: child }),
          workflow('broken', { task: broken }),
        ],
      });
      const run = await rig.create('mixed', null);
      await expect.poll(async () => (await rig.view(run)).control.openWaits, PATIENT).toBe(1);
      await waiting(run, 'mixed');
      await rig.provide(run, 'mixed:seats', 3);
      await reached(run, 'completed');
      expect((await rig.view(run)).control.output).toEqual({
        first: 1,
        seats: 3,
        grown: { doubled: 42 },
        failed: ['child_failed', 'failed', 'no water'],
        last: 'last',
      });
      const ran = (await rig.events(run)).flatMap((event) => (event.type === 'step.completed' ? [event.step] : []));
      expect(ran.sort()).toEqual(['first', 'last']);
    });

    test('[WRK-53] an input that nobody gives in time is its default, else input_timed_out', async () => {
      const ask = task('ask', async (ctx) => [
        await ctx.input('a', { prompt: 'A?', timeout: 10, default: 'none' }),
        await ctx.input('b', { prompt: 'B?', timeout: 10 }),
      ]);
      await begin({ workflows: [workflow('ask', { task: ask })] });
      const run = await rig.create('ask', null);
      await reached(run, 'failed');
      const { error, waits } = (await rig.view(run)).control;
      expect(error).toMatchObject({ code: 'input_timed_out' });
      expect(waits['ask:a']?.input).toMatchObject({ value: 'none' });
    });

    test('[WRK-58] a rejection that fails the node ends its run', async () => {
      const ask = task('ask', (ctx) => ctx.approval('go', { title: 'Go?', onReject: 'fail' }).catch(() => 'caught'));
      await begin({ workflows: [workflow('ask', { task: ask })] });
      const run = await rig.create('ask', null);
      await waiting(run, 'ask');
      await rig.answer(run, 'ask:go', 'rejected');
      await reached(run, 'failed');
      expect((await rig.view(run)).control.error).toMatchObject({ code: 'approval_rejected' });
    });

    test('[WRK-64] a paused run finishes its running step, takes answers, and goes on from both when it is resumed', async () => {
      const busy = Promise.withResolvers<string>();
      let stepped = 0;
      const both = task('both', (ctx) =>
        Promise.all([
          ctx.step('build', () => {
            stepped += 1;
            return busy.promise;
          }),
          ctx.input('name', { prompt: 'Name?' }),
        ]),
      );
      await begin({ workflows: [workflow('both', { task: both })] });
      const run = await rig.create('both', null);
      await expect.poll(async () => Object.keys((await rig.view(run)).control.waits), PATIENT).toEqual(['both:name']);
      await rig.command(run, 'pause');
      busy.resolve('built');
      await waiting(run, 'both');
      await rig.provide(run, 'both:name', 'Ada');
      await rig.command(run, 'resume');
      await reached(run, 'completed');
      expect((await rig.view(run)).control.output).toEqual(['built', 'Ada']);
      expect(stepped).toBe(1);
    });

    test('[WRK-62] a cancelled run ends while its task is busy and while it waits', async () => {
      const kinds: string[] = [];
      const busy = task('busy', (ctx) =>
        Promise.all([
          ctx.sleep('long', 60_000),
          ctx.step('s', ({ signal }) => {
            const stopped = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
            return stopped.finally(() => kinds.push(signal.reason.kind));
          }),
        ]),
      );
      const idle = task('idle', (ctx) => ctx.sleep('long', 60_000));
      await begin({ workflows: [workflow('busy', { task: busy }), workflow('idle', { task: idle })] });
      const [one, two] = [await rig.create('busy', null), await rig.create('idle', null)];
      await expect.poll(async () => (await rig.view(one)).control.nodes.busy?.steps.s?.status, PATIENT).toBe('running');
      await waiting(two, 'idle');
      await rig.command(one, 'cancel');
      await rig.command(two, 'cancel');
      await reached(one, 'cancelled');
      await reached(two, 'cancelled');
      expect(kinds).toEqual(['cancel']);
      expect((await rig.view(one)).control.waits['busy:long']?.status).toBe('cancelled');
    });

    test('[WRK-9] a failed task fails its run with its message and its code', async () => {
      const fail = task('fail', async (ctx) => {
        await ctx.step('call', () => {
          throw new Error('no answer from the depot');
        });
      });
      await begin({ workflows: [workflow('fail', { task: fail })] });
      const run = await rig.create('fail', null);
      await reached(run, 'failed');
      expect((await rig.view(run)).control.error).toMatchObject({
        code: 'task_failed',
        message: 'no answer from the depot',
      });
      expect((await rig.view(run)).control.nodes.fail?.steps.call).toMatchObject({
        status: 'failed',
        error: { code: 'step_failed' },
      });
    });
  });
}
