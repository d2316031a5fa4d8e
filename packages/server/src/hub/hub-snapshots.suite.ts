import {
  emptyView,
  FOLD,
  fold,
  type RedactionClass,
  type RunEvent,
  type RunFilter,
  type RunView,
  redact,
} from '@millrace/protocol';
import { beforeEach, expect, test, vi } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import type { Hub } from './face.ts';
import { FakeConnection, type LogWriter, logLine, type OpenWriter, principal, writers } from './log-writer.suite.ts';

export function hubSnapshotsSuite(open: OpenWriter): void {
  const fresh = writers(open);
  let writer: LogWriter;
  let hub: Hub;

  beforeEach(async () => {
    writer = await fresh();
    hub = await writer.hubBeside('r');
  });

  /** A long log, as an agent writes it. */
  async function grow(to: number): Promise<void> {
    while (writer.head('r') < to) await writer.logs('r', Math.min(1_000, to - writer.head('r')));
  }

  /** Another process over the same store. */
  function restart(): void {
    hub.stop('restart');
    hub = writer.hub({ server: 'later' });
  }

  /** Attaches without a cursor; answers what was sent, and how many pages were read for it. */
  async function attach(about: { hide?: RedactionClass[]; filter?: RunFilter } = {}) {
    const reads = vi.spyOn(writer.store, 'readLog');
    const connection = new FakeConnection();
    const session = hub.connect(principal(about.hide ? { hide: about.hide } : {}), connection);
    session.receive(JSON.stringify({ type: 'subscribe', id: 1, run: 'r', filter: about.filter }));
    await until(() => expect(connection.of('snapshot')).toHaveLength(1));
    const pages = reads.mock.calls.length;
    reads.mockRestore();
    session.closed();
    const [snapshot] = connection.of('snapshot');
    return { pages, seq: snapshot?.seq, view: snapshot?.view };
  }

  async function foldOf(see: (event: RunEvent) => RunEvent | null): Promise<RunView> {
    const view = emptyView('r');
    for (const event of JSON.parse(`[${await writer.texts('r')}]`) as RunEvent[]) {
      const seen = see(event);
      if (seen) fold(view, seen);
    }
    return view;
  }

  const stored = async () => (await writer.store.readSnapshot({ tenant: 't', run: 'r' }, 'view', FOLD))?.seq ?? 0;

  test('[HUB-24] a log keeps a stored view near its head though nobody follows it: the first to come reads a view and a tail', async () => {
    await grow(20_000);
    await hub.recheck();
    await until(async () => expect(await stored()).toBe(20_000));
    await grow(20_100);
    restart();
    const first = await attach();
    expect(first).toEqual({ pages: 1, seq: 20_100, view: await foldOf((event) => event) });
    expect(await attach()).toEqual({ ...first, pages: 0 });
  });

  test('snapshots are written by bytes: not again before as many were folded as the view has', async () => {
    const written = vi.spyOn(writer.store, 'writeSnapshot');
    for (let head = 500; head <= 20_000; head += 500) {
      await grow(head);
      await hub.recheck();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(async () => expect(await stored()).toBeGreaterThan(15_000));
    const bytes = written.mock.calls.reduce((sum, [, , { text }]) => sum + text.length, 0);
    expect(written.mock.calls.length).toBeGreaterThan(1);
    expect(bytes).toBeLessThan((await writer.texts('r')).length);
  });

  test('what another server writes, that server keeps', async () => {
    writer.server = 'other';
    await grow(5_000);
    const reads = vi.spyOn(writer.store, 'readLog');
    await hub.recheck();
    await hub.recheck();
    expect(reads).not.toHaveBeenCalled();
  });

  test('a view that was folded here goes on from the stored one where another server is further', async () => {
    await grow(3_000);
    await attach();
    writer.losing = true;
    await grow(30_000);
    const view = await foldOf((event) => event);
    await writer.store.writeSnapshot({ tenant: 't', run: 'r' }, 'view', {
      seq: 30_000,
      fold: FOLD,
      text: JSON.stringify(view),
    });
    expect(await attach()).toEqual({ pages: 0, seq: 30_000, view });
  });

  test('[HUB-25] a redacted reader gets the fold of what it may see, kept in the store as the whole view is', async () => {
    const hide: RedactionClass[] = ['input', 'identity'];
    await grow(10_000);
    const first = await attach({ hide });
    const view = await foldOf((event) => redact(event, { name: 'p', hide }));
    expect(first).toMatchObject({ seq: 10_000, view });
    expect(first.pages).toBeGreaterThan(8);
    await grow(10_100);
    restart();
    const again = await attach({ hide: [...hide].reverse() });
    expect(again.pages).toBe(1);
    expect(again.view).toEqual(await foldOf((event) => redact(event, { name: 'p', hide })));
    // Who hides other classes shares nothing of it.
    expect((await attach({ hide: ['input'] })).view?.control.owner).toBe('ada');
  });

  test('[HUB-25] a filtered view is folded once, and kept while the server runs', async () => {
    const filter: RunFilter = { types: ['node.started'] };
    await grow(10_000);
    const first = await attach({ filter });
    expect(first.pages).toBeGreaterThan(8);
    await grow(10_100);
    const again = await attach({ filter });
    expect(again.pages).toBe(1);
    expect(again.view).toEqual(await foldOf((event) => (event.type.startsWith('run.') ? event : null)));
    expect(await stored()).toBe(0);
  });

  test('a log that grows while it is folded is not run after: the view is of the head that was asked for', async () => {
    await grow(5_000);
    const connection = new FakeConnection();
    hub.connect(principal(), connection).receive('{"type":"subscribe","id":1,"run":"r"}');
    while (connection.of('snapshot').length === 0) {
      await writer.append(
        'r',
        Array.from({ length: 300 }, () => logLine('more')),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connection.of('snapshot')[0]?.seq).toBeLessThan(6_200);
    await until(() => expect(connection.of('range').at(-1)?.through).toBe(writer.head('r')));
  });

  test('who comes to a fold that nobody waited for does not wait for its patience', async () => {
    await grow(30_000);
    const turns = vi.spyOn(globalThis, 'setImmediate');
    await hub.recheck();
    const connection = new FakeConnection();
    let came = 0;
    const write = connection.write.bind(connection);
    connection.write = (message) => {
      write(message);
      if (connection.of('snapshot').length === 0) came = turns.mock.calls.length;
    };
    hub.connect(principal(), connection).receive('{"type":"subscribe","id":1,"run":"r"}');
    await until(() => expect(connection.of('snapshot')[0]?.seq).toBe(30_000));
    expect(connection.of('ok')).toHaveLength(1);
    // From the answer on a slice a turn, about; with patience it would be thousands.
    expect(turns.mock.calls.length - came).toBeLessThan(400);
  });
}
