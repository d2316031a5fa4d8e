import { afterEach, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { ada, done, mill, Rig, start } from './engine.rig.ts';

class SharedStore extends MemoryStore {
  override readonly capabilities = { durable: false, shared: true };
}

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.engine.stop();
});

/** Two servers on one store, without any hint between them. */
async function servers(): Promise<{ a: Rig; b: Rig; run: string }> {
  const store = new SharedStore('e');
  const clock = new SimulatedClock();
  const [a, b] = ['a', 'b'].map((boot) => new Rig(store, { clock, boot })) as [Rig, Rig];
  rigs.push(a, b);
  const run = await start(a, { name: 'job', nodes: [{ id: 'n', task: 't' }] });
  await b.worker('w', ['t'], [{ name: 'job', nodes: [{ id: 'n', task: 't' }] }]);
  return { a, b, run };
}
const key = (run: string) => ({ tenant: 'default', run });

test('[ENG-73] what a server answers of a run is what another one has written, not what it remembers', async () => {
  const { a, b, run } = await servers();
  expect((await a.engine.control(key(run)))?.control.status).toBe('created');
  const [attempt] = await b.claim('w');
  expect((await a.engine.control(key(run)))?.control.status).toBe('running');
  await b.append(attempt!, done());
  expect((await a.engine.control(key(run)))?.control.status).toBe('completed');
});

test('[ENG-73] an attempt that another server started may append here', async () => {
  const { a, b, run } = await servers();
  await a.engine.control(key(run));
  const [attempt] = await b.claim('w');
  await a.append(attempt!, done({ by: 'a' }));
  expect((await b.engine.control(key(run)))?.control.status).toBe('completed');
});

test('[ENG-73] a command is refused for what is, not for what was', async () => {
  const { a, b, run } = await servers();
  const [attempt] = await a.claim('w');
  expect(attempt).toBeDefined();
  await b.engine.command(ada, run, { type: 'pause' });
  await b.append(attempt!, { type: 'node.parked', data: { reason: 'paused' } });
  await expect(a.engine.command(ada, run, { type: 'pause' })).rejects.toMatchObject({ code: 'invalid_transition' });
  await a.engine.command(ada, run, { type: 'resume' });
  await expect(b.engine.command(ada, run, { type: 'resume' })).rejects.toMatchObject({ code: 'invalid_transition' });
  expect((await a.control(run)).status).toBe('running');
});

test('[ENG-73] a pause given at one server reaches the attempt that renews at another', async () => {
  const { a, b, run } = await servers();
  const [attempt] = await a.claim('w');
  await b.engine.control(key(run));
  await a.engine.command(ada, run, { type: 'pause' });
  const { node, attempt: number } = attempt!;
  const [state] = await b.engine.renew(mill, 'w', [{ run, node, attempt: number }]);
  expect(state?.state).toBe('pause');
});
