import { expect, test, vi } from 'vitest';
import { MemoryStore } from '../store/store-memory.ts';
import { ada, mapFiles } from './engine.rig.ts';
import { servers } from './engine-factory.suite.ts';
import { create, job, waiting } from './engine-hands.suite.ts';

const { rig } = servers(() => new MemoryStore('e'));

test('[ENG-79] where the transaction fails nothing has started, and the worker goes on waiting', async () => {
  const world = await rig();
  await world.worker('w', ['t'], [job('t')]);
  const { got } = await waiting(world);
  vi.spyOn(world.store, 'commit').mockRejectedValueOnce(new Error('no disk'));
  await expect(create(world, 't')).rejects.toMatchObject({ code: 'internal' });
  const run = await create(world, 't');
  expect(await got).toMatchObject([{ run }]);
});

test('[ENG-80] what starts while a worker is being answered comes with its next claim; one that claims no more gives it back', async () => {
  const files = mapFiles();
  const gates: (() => void)[] = [];
  const get = async (...args: Parameters<typeof files.get>) => {
    await new Promise<void>((resolve) => gates.push(resolve));
    return files.get(...args);
  };
  const world = await rig({ files: { ...files, get } });
  await world.worker('w', ['t'], [job('t')]);
  /** Two runs that start together; the first of them is told later, when its input has been fetched. */
  const pair = async () => {
    const { got } = await waiting(world);
    const input = 'x'.repeat(100_000);
    const { id: slow } = await world.engine.create(ada, { workflow: 't', input });
    const quick = await create(world, 't');
    expect(await got).toMatchObject([{ run: quick }]);
    gates.shift()?.();
    return slow;
  };
  const first = await pair();
  await vi.waitFor(async () => expect(await world.claim('w')).toMatchObject([{ run: first, attempt: 1 }]));
  const left = await pair();
  await vi.waitFor(async () => {
    world.clock.advance(1_000);
    expect(await world.types(left)).toEqual(['run.created', 'node.started t', 'node.parked t']);
  });
  const again = world.claim('w');
  await vi.waitFor(() => expect(gates).toHaveLength(1));
  gates.shift()?.();
  expect(await again).toMatchObject([{ run: left, attempt: 2 }]);
});

test('[ENG-81] a queue that was empty a moment ago is not asked again, unless work was told of or that moment is a second ago', async () => {
  const world = await rig();
  await world.worker('w', ['t'], [job('t')]);
  const looks = vi.spyOn(world.store, 'claimable');
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
