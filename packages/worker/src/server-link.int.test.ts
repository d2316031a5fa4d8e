import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyView, fold, type RunEvent, type WorkerLink } from '@millrace/protocol';
import { createServer, type Server } from 'millrace';
import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { createHttpLink } from './http-link.ts';
import { type LinkRig, linkSuite } from './link.suite.ts';
import { task } from './task.ts';
import { createWorker } from './worker.ts';
import { workflow } from './workflow.ts';

const ada = { tenant: 'default', by: 'user:ada' };

/** A whole server on a free port, with a link made by `connect`. */
async function open(connect: (server: Server) => Promise<WorkerLink> | WorkerLink): Promise<LinkRig> {
  const data = await mkdtemp(join(tmpdir(), 'millrace-link-'));
  const server = await createServer({ env: {}, port: 0, data, logLevel: 'silent', signals: false });
  const link = await connect(server);
  const reader = await server.token({ sub: 'ada', roles: ['operator'] });
  const events = async (run: string) => {
    const path = `${server.url}/api/runs/${run}/events?after=0&limit=1000`;
    const page = await fetch(path, { headers: { authorization: `Bearer ${reader}` } });
    return ((await page.json()) as { events: RunEvent[] }).events;
  };
  return {
    link,
    events,
    create: async (workflow, input) => (await server.engine.create(ada, { workflow, input })).id,
    view: async (run) => (await events(run)).reduce((view, event) => fold(view, event), emptyView(run)),
    async answer(run, approvalId, decision, comment) {
      const command = { type: 'approve' as const, approvalId, decision, ...(comment === undefined ? {} : { comment }) };
      await server.engine.command(ada, run, command);
    },
    async provide(run, inputId, value) {
      await server.engine.command(ada, run, { type: 'provide', inputId, value });
    },
    async command(run, type) {
      await server.engine.command(ada, run, { type });
    },
    async close() {
      await link.close();
      await server.close();
      await rm(data, { recursive: true });
    },
  };
}

linkSuite('in-process', () => open((server) => server.localLink()));

linkSuite('HTTP', () =>
  open(async (server) => {
    const token = await server.token({ sub: 'mill', roles: ['worker'] });
    return createHttpLink({ url: server.url, token, clock: systemClock, random: () => 0.5, report: () => {} });
  }),
);

test('[WRK-35] a worker over HTTP goes on with its task through a restart of the server', async () => {
  const data = await mkdtemp(join(tmpdir(), 'millrace-restart-'));
  const timings = { lease: 30_000, renew: 2_000, grace: 10_000 };
  const start = (port: number) => createServer({ env: {}, port, data, timings, logLevel: 'silent' });
  const first = await start(0);
  const token = await first.token({ sub: 'mill', roles: ['worker', 'operator'] });
  const busy = Promise.withResolvers<string>();
  const attempts: number[] = [];
  const work = task('work', async (ctx) => {
    attempts.push(ctx.attempt);
    const one = await ctx.step('one', () => busy.promise);
    return [one, await ctx.step('two', () => 'two')];
  });
  const worker = createWorker({ url: first.url, token, workflows: [workflow('w', { task: work })] });
  await worker.start();
  const { id } = await first.engine.create(ada, { workflow: 'w' });
  const key = { tenant: 'default', run: id };
  await expect.poll(() => attempts, { timeout: 10_000 }).toEqual([1]);
  await first.close();
  busy.resolve('one');
  const second = await start(first.ports[0] ?? 0);
  const output = async () => (await second.engine.control(key))?.control.output;
  await expect.poll(output, { timeout: 15_000 }).toEqual(['one', 'two']);
  expect(attempts).toEqual([1]);

  const next = await second.engine.create(ada, { workflow: 'w' });
  const status = async () => (await second.engine.control({ ...key, run: next.id }))?.control.status;
  await expect.poll(status, { timeout: 15_000 }).toBe('completed');
  await worker.stop();
  await second.close();
  await rm(data, { recursive: true });
});
