import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorker, task, type Worker } from '@millrace/worker';
import { createServer, type Server } from 'millrace';
import { afterAll, beforeAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'millrace-hang-'));
const ada = { tenant: 'default', by: 'user:ada' };
const key = (run: string) => ({ tenant: 'default', run });
let server: Server;
let worker: Worker;

beforeAll(async () => {
  server = await createServer({ env: {}, data: folder, port: 0, logLevel: 'silent' });
  const talk = task('talk', async (ctx) => {
    for (let n = 0; !ctx.signal.aborted; n++) {
      ctx.log.info(`word ${n}`);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  });
  worker = createWorker({ link: server.localLink(), tasks: [talk] });
  await worker.start();
});
afterAll(async () => {
  await worker.stop();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['hangs', '{% $match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/) %}', /^expression_timeout$/],
  // On a slow machine the time may run out before the memory does.
  ['eats memory', '{% $count([1..9999999]) > 3 %}', /^expression_(memory|timeout)$/],
])(
  '[CHA-6] an expression that %s ends its own run, while another keeps streaming',
  async (_, when, code) => {
    const { id: talker } = await server.engine.create(ada, { workflow: 'talk', nodes: [{ id: 'talk', task: 'talk' }] });
    const head = async () => (await server.store.runRow(key(talker)))?.head ?? 0;
    await expect.poll(head, { interval: 5 }).toBeGreaterThan(10);

    const before = await head();
    const nodes = [{ id: 'x', task: 'talk', when }];
    const began = performance.now();
    const { id: hung } = await server.engine.create(ada, { workflow: 'hang', nodes });
    const error = async () => (await server.store.runRow(key(hung)))?.summary.error;
    let last = { head: before, at: began };
    let silence = 0;
    const listening = async () => {
      const now = { head: await head(), at: performance.now() };
      silence = Math.max(silence, now.at - last.at);
      if (now.head > last.head) last = now;
      return error();
    };
    await expect.poll(listening, { interval: 5, timeout: 15_000 }).toMatchObject({ code: expect.stringMatching(code) });
    const seconds = (performance.now() - began) / 1000;
    const rate = Math.round(((await head()) - before) / seconds);
    console.log(`${rate} events/s during ${seconds.toFixed(1)} s, longest silence ${Math.round(silence)} ms`);
    expect(rate).toBeGreaterThan(100);
    // A hang in the server's own thread would be a silence of the whole time limit, 1,000 ms.
    expect(silence, 'ms without an event').toBeLessThan(900);
    await server.engine.command(ada, talker, { type: 'cancel' });
  },
  30_000,
);
