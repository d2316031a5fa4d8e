import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewEvent } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { type BusMessage, topics } from '../bus/bus.ts';
import { SimulatedClock } from '../clock.ts';
import { openSqliteStore } from '../store/store-sqlite.ts';
import { ada, mill, Rig } from './engine.rig.ts';

test('[ENG-23] with the disk full an append is refused, views and subscribers never see it, and it goes on when there is room', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-full-'));
  const clock = new SimulatedClock();
  const store = openSqliteStore({ folder, clock });
  const world = new Rig(store, { clock });
  try {
    const { id } = await world.engine.create(ada, { workflow: 'w', external: true });
    const heard: BusMessage[] = [];
    world.bus.subscribe(topics.run('default', id), (message) => heard.push(message));
    const log = (n: number): NewEvent => ({
      type: 'log',
      data: { level: 'info', message: `${n} ${'x'.repeat(20_000)}` },
    });
    const node = (n: number): NewEvent => ({ type: 'node.started', node: `n${n}`, data: {} });
    let written = 0;
    const append = (n: number) =>
      world.engine.append(mill, id, { events: [node(n), log(n)], producer: { id: 'p', term: 1, sequence: n } });
    store.limitPages(100);
    await expect(
      (async () => {
        for (;;) {
          await append(written + 1);
          written += 1;
        }
      })(),
    ).rejects.toMatchObject({ code: 'storage_full' });
    const head = (await world.log(id)).length;
    const view = await world.engine.control({ tenant: 'default', run: id });
    expect(view?.head).toBe(head);
    expect(view?.control).toEqual(await world.control(id));
    expect(Object.keys(view?.control.nodes ?? {})).toHaveLength(written);
    expect(heard.at(-1)).toMatchObject({ through: head });

    store.limitPages(100_000);
    expect(await append(written + 1)).toEqual({ seq: head + 2 });
    expect(heard.at(-1)).toMatchObject({ seq: head + 1, through: head + 2 });
  } finally {
    await world.engine.stop();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
