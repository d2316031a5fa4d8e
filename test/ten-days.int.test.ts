import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyView, fold, type RunEvent } from '@millrace/protocol';
import { createWorker, task, type Worker, workflow } from '@millrace/worker';
import { createServer, type Server, type ServerOptions, SimulatedClock } from 'millrace';
import { afterAll, expect, test } from 'vitest';

type Store = Server['store'];

const folder = mkdtempSync(join(tmpdir(), 'millrace-ten-days-'));
const clock = new SimulatedClock();
const ada = { tenant: 'default', by: 'user:ada' };
const DAY = 24 * 3_600_000;

/** Every call of the store, of all servers, as text. */
const statements: string[] = [];
const recorded = (store: Store): Store =>
  new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        statements.push(`${String(name)} ${JSON.stringify(args)}`);
        return Reflect.apply(value, target, args);
      };
    },
  });

const review = task('review', async (ctx) => {
  await ctx.agent('writer', async function* () {
    yield { type: 'text-delta' as const, id: '1', text: 'This is what you approve.' };
  });
  ctx.log.info('Please look at it.');
  const answer = await ctx.approval('publish', { title: 'Publish?', details: 'This is what you approve.' });
  return ctx.step('release', () => answer.decision);
});
const quick = task('quick', () => 'quick');
const workflows = [workflow('review', { task: review }), workflow('quick', { task: quick })];

let server: Server;
let worker: Worker;
async function open(): Promise<void> {
  const options: ServerOptions = { env: {}, data: folder, port: 0, logLevel: 'silent', clock };
  server = await createServer({ ...options, instrument: { store: recorded } });
  worker = createWorker({ link: server.localLink(), workflows, concurrency: 1, clock, random: () => 0 });
  await worker.start();
}
async function close(): Promise<void> {
  await worker.stop();
  await server.close();
}
afterAll(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true });
});

const status = async (run: string) => (await server.store.runRow({ tenant: 'default', run }))?.summary;
const start = async (workflow: string) => (await server.engine.create(ada, { workflow })).id;

test('[CHA-4] an approval after ten days and three restarts: no worker held, no statement names the run, on within a second, and what was approved stands', async () => {
  await open();
  const run = await start('review');
  await expect.poll(() => status(run)).toMatchObject({ status: 'running', detail: 'waiting', openWaits: 1 });
  expect(await server.store.leases({ limit: 10 })).toEqual([]);

  const parked = statements.length;
  for (let restart = 0; restart < 3; restart++) {
    await close();
    await open();
    for (let hours = 0; hours < 80; hours += 4) {
      clock.advance(DAY / 6);
      // The sweeps and deliveries that fell due are done when a run that came after them is.
      const other = await start('quick');
      await expect.poll(() => status(other), { interval: 1 }).toMatchObject({ status: 'completed' });
    }
    expect(await server.store.leases({ limit: 10 })).toEqual([]);
  }
  const meanwhile = statements.slice(parked);
  expect(meanwhile.length).toBeGreaterThan(100);
  expect(meanwhile.filter((statement) => statement.includes(run))).toEqual([]);

  const { id } = (await server.store.waits({ tenant: 'default', limit: 10 }))[0] ?? { id: '' };
  const answered = performance.now();
  await server.engine.command(ada, run, { type: 'approve', approvalId: id, decision: 'approved' });
  await expect.poll(() => status(run), { interval: 5 }).toMatchObject({ status: 'completed' });
  expect(performance.now() - answered).toBeLessThan(1_000);

  const page = await server.store.readLog({ tenant: 'default', run }, 0, { events: 1_000, bytes: 1e9 });
  const log = JSON.parse(`[${page?.text}]`) as RunEvent[];
  const view = log.reduce((view, event) => fold(view, event), emptyView(run));
  const [asked, resolved] = log.filter((event) => event.type.startsWith('approval.'));
  expect((resolved as RunEvent).at - (asked as RunEvent).at).toBeGreaterThanOrEqual(10 * DAY);
  expect((log.at(-1) as RunEvent).at - (resolved as RunEvent).at).toBeLessThan(1_000);
  expect(view.control).toMatchObject({
    output: 'approved',
    waits: { [id]: { approval: { details: 'This is what you approve.' } } },
  });
  const told = [...Object.values(view.content.messages), ...view.content.logs.lines];
  expect(told).toMatchObject([{ text: 'This is what you approve.' }, { message: 'Please look at it.' }]);
  expect(told.filter((one) => one.superseded)).toEqual([]);
}, 60_000);
