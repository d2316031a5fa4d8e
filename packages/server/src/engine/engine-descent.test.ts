import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import { afterEach, expect, test, vi } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import type { Store } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { openSqliteStore } from '../store/store-sqlite.ts';
import { ada, Rig } from './engine.rig.ts';

const rigs: Rig[] = [];
const rig = (clock: SimulatedClock, store: Store): Rig => {
  const made = new Rig(store, { clock });
  made.scheduler.start();
  rigs.push(made);
  return made;
};
afterEach(async () => {
  for (const made of rigs.splice(0)) {
    await Promise.all([made.scheduler.stop(), made.engine.stop()]);
    await made.store.close();
  }
});

const failed: NewEvent = { type: 'node.failed', data: { error: { code: 'task_failed', message: 'no' } } };

async function start(world: Rig, ...definitions: [WorkflowDefinition, ...WorkflowDefinition[]]): Promise<string> {
  await world.worker('w', ['t'], definitions);
  return (await world.engine.create(ada, { workflow: definitions[0].name, input: [1, 2, 3] })).id;
}

/** Works on everything that can be claimed until the run has ended; `fails` fails. Answers the nodes that ran, sorted. */
async function work(world: Rig, run: string, fails: (node: string) => boolean = () => false): Promise<string[]> {
  const did: string[] = [];
  await vi.waitFor(async () => {
    for (const one of await world.claim('w')) {
      did.push(one.node);
      const end: NewEvent = { type: 'node.completed', data: { output: one.node.toUpperCase() } };
      await world.append(one, fails(one.node) ? failed : end).catch(() => undefined);
    }
    expect((await world.store.runRow({ tenant: 'default', run }))?.ended).toBe(true);
  });
  return did.sort();
}

for (const [name, open] of [
  ['memory', () => new MemoryStore('e')],
  ['SQLite', (clock: SimulatedClock) => openSqliteStore({ folder: ':memory:', clock })],
] as [string, (clock: SimulatedClock) => Store][]) {
  const world = () => {
    const clock = new SimulatedClock();
    return rig(clock, open(clock));
  };

  test(`[ENG-65] on ${name}: a sub-workflow that failed is started again, as a new child`, async () => {
    const rig = world();
    const child: WorkflowDefinition = { name: 'child', nodes: [{ id: 'c', task: 't' }] };
    const run = await start(
      rig,
      {
        name: 'parent',
        nodes: [
          { id: 'a', task: 't' },
          { id: 's', workflow: 'child', needs: ['a'] },
        ],
      },
      child,
    );
    expect(await work(rig, run, (node) => node === 'c')).toEqual(['a', 'c']);
    const { id } = await rig.engine.retry(ada, run, { from: 'failed' });
    expect(await work(rig, id)).toEqual(['c']);
    expect(await rig.control(id)).toMatchObject({ status: 'completed', output: 'C' });
  });

  test(`[ENG-65] on ${name}: items whose failure was tolerated run again, and what used them after them`, async () => {
    const rig = world();
    const run = await start(rig, {
      name: 'each',
      nodes: [
        { id: 'f', task: 't', forEach: '{% input %}', onError: 'continue' },
        { id: 'z', task: 't', needs: ['f'] },
      ],
    });
    expect(await work(rig, run, (node) => node === 'f[1]')).toEqual(['f[0]', 'f[1]', 'f[2]', 'z']);
    const { id } = await rig.engine.retry(ada, run, { from: 'failed' });
    expect(await work(rig, id)).toEqual(['f[1]', 'z']);
  });

  test(`[ENG-66] on ${name}: what a released join has lost is not run by a retry`, async () => {
    const rig = world();
    const run = await start(rig, {
      name: 'any',
      nodes: [
        { id: 'a', task: 't' },
        { id: 'b', task: 't', needs: ['a'] },
        { id: 'c', task: 't', needs: ['a'] },
        { id: 'j', task: 't', needs: ['b', 'c'], join: 'any' },
        { id: 'z', task: 't', needs: ['j'] },
      ],
    });
    expect(await work(rig, run, (node) => node === 'z')).toEqual(['a', 'b', 'c', 'j', 'z']);
    const { id } = await rig.engine.retry(ada, run, { from: 'failed' });
    expect(await work(rig, id)).toEqual(['z']);
    expect((await rig.control(id)).nodes.c).toMatchObject({ status: 'cancelled', reason: 'join_lost' });
  });

  test(`[ENG-69] on ${name}: a retried run leaves no row behind, and its ancestor's large values stay where they are`, async () => {
    const rig = world();
    await rig.worker(
      'w',
      ['t'],
      [
        {
          name: 'big',
          nodes: [
            { id: 'a', task: 't' },
            { id: 'b', task: 't', needs: ['a'], input: { from: '{% needs.a %}' } },
          ],
        },
      ],
    );
    const run = (await rig.engine.create(ada, { workflow: 'big' })).id;
    const [a] = await rig.claim('w');
    const large = 'x'.repeat(100_000);
    await rig.append(a!, { type: 'node.completed', data: { output: large } });
    await work(rig, run, (node) => node === 'b');
    const { id } = await rig.engine.retry(ada, run, { from: 'failed' });
    const before = (await rig.control(run)).nodes.a?.output;
    expect(before).toMatchObject({ $blob: expect.any(String) });
    expect((await rig.control(id)).nodes.a?.output).toEqual(before);
    const [b] = await vi.waitFor(async () => {
      const claimed = await rig.claim('w');
      expect(claimed).toHaveLength(1);
      return claimed;
    });
    expect(b).toMatchObject({ run: id, input: { from: large } });
    await rig.append(b!, { type: 'node.completed', data: {} });
    await vi.waitFor(async () => expect(await rig.store.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([]));
    expect(await rig.store.leases({ limit: 10 })).toEqual([]);
  });
}
