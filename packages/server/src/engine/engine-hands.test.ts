import { expect, test, vi } from 'vitest';
import type { Batch, CommitResult } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { ada } from './engine.rig.ts';
import { servers } from './engine-factory.suite.ts';
import { create, job, waiting } from './engine-hands.suite.ts';

/** A store that writes batches when it is told to, and may take several before. */
class HeldStore extends MemoryStore {
  override readonly capabilities: MemoryStore['capabilities'];
  readonly batches: Batch[] = [];
  readonly #waiting: (() => void)[] = [];
  holds = false;
  fails = false;

  constructor(batches: number) {
    super('e');
    this.capabilities = { durable: false, shared: false, batches };
  }

  override async commit(batch: Batch): Promise<CommitResult> {
    this.batches.push(batch);
    if (this.holds) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.fails) throw new Error('no disk');
    return super.commit(batch);
  }

  write(): void {
    this.#waiting.shift()?.();
  }
}

let store: HeldStore;
const { rig } = servers(() => store);

test('[ENG-79] where the transaction fails nothing has started, and the worker goes on waiting', async () => {
  store = new HeldStore(1);
  const world = await rig();
  await world.worker('w', ['t'], [job('t')]);
  const { got } = await waiting(world);
  store.fails = true;
  await expect(create(world, 't')).rejects.toMatchObject({ code: 'internal' });
  store.fails = false;
  const run = await create(world, 't');
  expect(await got).toMatchObject([{ run }]);
});

test('[ENG-80] what starts while a worker is being answered comes with its next claim; one that claims no more gives it back', async () => {
  store = new HeldStore(3);
  const world = await rig();
  await world.worker('w', ['t'], [job('t')]);
  const { got } = await waiting(world);
  store.holds = true;
  const first = create(world, 't');
  await vi.waitFor(() => expect(store.batches).toHaveLength(1));
  const second = create(world, 't');
  await vi.waitFor(() => expect(store.batches).toHaveLength(2));
  const third = create(world, 't');
  await vi.waitFor(() => expect(store.batches).toHaveLength(3));
  store.write();
  expect(await got).toMatchObject([{ run: await first }]);
  store.write();
  const run = await second;
  expect(await world.claim('w')).toMatchObject([{ run }]);
  store.holds = false;
  store.write();
  const left = await third;
  await vi.waitFor(async () => {
    world.clock.advance(1_000);
    expect(await world.types(left)).toEqual(['run.created', 'node.started t', 'node.parked t']);
  });
  expect(await world.claim('w')).toMatchObject([{ run: left, attempt: 2 }]);
});

test('[ENG-81] a queue that was empty a moment ago is not asked again, unless work was told of or that moment is a second ago', async () => {
  store = new HeldStore(1);
  const world = await rig();
  await world.worker('w', ['t'], [job('t')]);
  const looks = vi.spyOn(store, 'claimable');
  const { got } = await waiting(world);
  await create(world, 't');
  await got;
  const { got: next } = await waiting(world);
  await create(world, 't');
  await next;
  expect(looks).toHaveBeenCalledTimes(1);
  world.clock.advance(1_001);
  await waiting(world);
  expect(looks).toHaveBeenCalledTimes(2);
});

test('[ENG-82] while a batch is written the next is decided; a run is in one batch at a time, and what came for it meanwhile keeps its order', async () => {
  store = new HeldStore(2);
  const world = await rig();
  const external = (workflow: string) => world.engine.create(ada, { workflow, external: true });
  const [one, two] = [await external('one'), await external('two')];
  const tell = (run: string, message: string) =>
    world.engine.append(ada, run, { events: [{ type: 'log', data: { level: 'info', message } }] });
  store.batches.length = 0;
  store.holds = true;
  const first = tell(one.id, '1');
  await vi.waitFor(() => expect(store.batches).toHaveLength(1));
  const later = [tell(one.id, '2'), tell(one.id, '3')];
  const beside = tell(two.id, 'x');
  await vi.waitFor(() => expect(store.batches).toHaveLength(2));
  expect(store.batches.map(({ parts }) => parts.map(({ run }) => run))).toEqual([[one.id], [two.id]]);
  const last = tell(one.id, '4');
  store.holds = false;
  for (let n = 0; n < 2; n++) store.write();
  const answers = await Promise.all([first, ...later, last]);
  expect(answers.map(({ seq }) => seq)).toEqual([3, 4, 5, 6]);
  expect(await beside).toEqual({ seq: 3 });
  const messages = (await world.log(one.id)).flatMap((event) => (event.type === 'log' ? [event.data.message] : []));
  expect(messages).toEqual(['1', '2', '3', '4']);
});
