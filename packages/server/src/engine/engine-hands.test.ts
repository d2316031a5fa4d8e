import type { Assignment, WorkflowDefinition } from '@millrace/protocol';
import { afterEach, expect, test, vi } from 'vitest';
import type { Batch, CommitResult } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { ada, done, mill, Rig } from './engine.rig.ts';

const rigs: Rig[] = [];
const rig = (...args: ConstructorParameters<typeof Rig>) => {
  const made = new Rig(...args);
  rigs.push(made);
  return made;
};
afterEach(async () => {
  for (const made of rigs.splice(0)) await Promise.all([made.scheduler.stop(), made.engine.stop()]);
});

const job = (name: string, more: object = {}): WorkflowDefinition => ({
  name,
  nodes: [{ id: name, task: name, ...more }],
});

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

async function waiting(world: Rig, worker: string, limit = 10, wait = 60_000): Promise<{ got: Promise<Assignment[]> }> {
  const got = world.engine.claim(mill, { worker, limit, wait });
  // The look into the queue is over when later turns have come.
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
  return { got };
}

const create = (world: Rig, workflow: string, options?: object): Promise<string> =>
  world.engine.create(ada, { workflow, ...(options ? { options } : {}) }).then(({ id }) => id);

test('[ENG-75] a node that is queued while a worker waits for such starts in the transaction that queues it', async () => {
  const store = new HeldStore(1);
  const world = rig(store);
  await world.worker(
    'w',
    ['a', 'b'],
    [
      {
        name: 'ab',
        nodes: [
          { id: 'a', task: 'a' },
          { id: 'b', task: 'b', needs: ['a'] },
        ],
      },
    ],
  );
  const { got } = await waiting(world, 'w');
  const run = await create(world, 'ab');
  expect(store.batches).toHaveLength(1);
  const [first] = await got;
  expect(first).toMatchObject({ run, node: 'a', attempt: 1 });
  const { got: next } = await waiting(world, 'w');
  await world.append(first!, done(1));
  expect(store.batches).toHaveLength(2);
  expect(store.batches.flatMap(({ parts }) => parts).some(({ enqueue }) => enqueue !== undefined)).toBe(false);
  expect(await next).toMatchObject([{ run, node: 'b', input: { a: 1 } }]);
  expect(await world.types(run)).toEqual(['run.created', 'node.started a', 'node.completed a', 'node.started b']);
});

test('[ENG-76] the waiting worker gets what has the highest priority, as many as it asked for; the others are queued', async () => {
  const world = rig(new MemoryStore('e'));
  await world.worker('w', ['t'], [job('t')]);
  const { got } = await waiting(world, 'w', 2);
  const runs = await Promise.all([1, 5, 3].map((priority) => create(world, 't', { priority })));
  expect((await got).map(({ run }) => run).sort()).toEqual([runs[1], runs[2]].sort());
  expect(await world.claim('w')).toMatchObject([{ run: runs[0] }]);
});

test('[ENG-77] nothing overtakes what stands in the queue', async () => {
  const world = rig(new MemoryStore('e'));
  await world.worker('w', ['t'], [job('t')]);
  const first = await create(world, 't');
  const got = world.engine.claim(mill, { worker: 'w', limit: 1, wait: 60_000 });
  const second = create(world, 't');
  expect(await got).toMatchObject([{ run: first }]);
  expect(await world.claim('w')).toMatchObject([{ run: await second }]);
});

test('[ENG-78] a worker gets only what it takes: its tasks, their versions, its queues; delays, slots and rates hold', async () => {
  const world = rig(new MemoryStore('e'));
  const limited = [
    job('slots', { concurrency: { key: 'k', limit: 1 } }),
    job('rate', { rate: { key: 'r', limit: 1, per: 1_000 } }),
  ];
  await world.worker('all', ['t', 'u', 'slots', 'rate'], [job('t'), job('u'), ...limited]);
  await world.engine.register(
    mill,
    {
      id: 'w',
      tasks: ['t', 'slots', 'rate'].map((name) => ({ name })),
      workflows: [],
      concurrency: 10,
      queues: ['default'],
    },
    { boot: '' },
  );
  const { got } = await waiting(world, 'w');
  await create(world, 'u');
  await create(world, 't', { queue: 'other' });
  await create(world, 't', { delayUntil: world.clock.now() + 5_000 });
  const slots = await Promise.all([create(world, 'slots'), create(world, 'slots')]);
  expect(await got).toMatchObject([{ run: slots[0] }]);
  const { got: next } = await waiting(world, 'w');
  const rates = await Promise.all([create(world, 'rate'), create(world, 'rate')]);
  expect(await next).toMatchObject([{ run: rates[0] }]);
});

test('[ENG-79] where the transaction fails nothing has started, and the worker goes on waiting', async () => {
  const store = new HeldStore(1);
  const world = rig(store);
  await world.worker('w', ['t'], [job('t')]);
  const { got } = await waiting(world, 'w');
  store.fails = true;
  await expect(create(world, 't')).rejects.toMatchObject({ code: 'internal' });
  store.fails = false;
  const run = await create(world, 't');
  expect(await got).toMatchObject([{ run }]);
});

test('[ENG-80] what starts while a worker is being answered comes with its next claim; one that claims no more gives it back', async () => {
  const store = new HeldStore(3);
  const world = rig(store);
  await world.worker('w', ['t'], [job('t')]);
  const { got } = await waiting(world, 'w');
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
  const store = new MemoryStore('e');
  const world = rig(store);
  await world.worker('w', ['t'], [job('t')]);
  const looks = vi.spyOn(store, 'claimable');
  const { got } = await waiting(world, 'w');
  await create(world, 't');
  await got;
  const { got: next } = await waiting(world, 'w');
  await create(world, 't');
  await next;
  expect(looks).toHaveBeenCalledTimes(1);
  world.clock.advance(1_001);
  await waiting(world, 'w');
  expect(looks).toHaveBeenCalledTimes(2);
});

test('[ENG-82] while a batch is written the next is decided; a run is in one batch at a time, and what came for it meanwhile keeps its order', async () => {
  const store = new HeldStore(2);
  const world = rig(store);
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
