import { toProblem } from '@millrace/protocol/error';
import { MillraceError } from '@millrace/protocol/error-code';
import type { ServerFrame } from '@millrace/protocol/frame';
import type { RunView } from '@millrace/protocol/view';
import { describe, expect, test, vi } from 'vitest';
import { AgentStreamStore } from './agent-stream.ts';
import { seqs, setup, upTo, watch } from './client-setup.suite.ts';
import { EventWindow } from './event-window.ts';
import { type FakeServer, foldAll, sampleEvent, settle } from './fake-server.suite.ts';
import type { Store } from './store.ts';

/** How often a store tells of a change, and every snapshot that it showed. */
function listen<T>(store: Store<T>): { told: ReturnType<typeof vi.fn>; shown: T[] } {
  const shown: T[] = [];
  const told = vi.fn(() => {
    shown.push(store.getSnapshot());
  });
  store.subscribe(told);
  return { told, shown };
}

/** The next events of a run, as one message of many ranges of one event each. */
function message(server: FakeServer, run: string, count: number): ServerFrame[] {
  const log = server.log(run);
  return Array.from({ length: count }, () => {
    const event = sampleEvent(log.length + 1);
    log.push(event);
    return { type: 'range', key: run, run, seq: event.seq, through: event.seq, events: [event] };
  });
}

/** The restored server's log is shorter, and of another epoch: a gap, then a snapshot. */
async function restore({ server, clock }: ReturnType<typeof setup>, run: string, length: number): Promise<void> {
  server.epoch = 'e2';
  server.log(run).length = length;
  server.socket.cut();
  clock.advance(500);
  await settle();
}

describe('[CLT-60] however many frames a message holds, a store makes one new snapshot of it', () => {
  test('a run, its events and its agent', async () => {
    const { server, client } = setup();
    server.append('r', 5);
    const { store } = watch(client, 'r');
    await settle();
    const run = listen(store);
    const events = listen(new EventWindow(store, 100));
    const agent = new AgentStreamStore(store);
    const before = agent.getSnapshot();
    server.socket.send(...message(server, 'r', 40));
    expect([run.told.mock.calls.length, events.told.mock.calls.length]).toEqual([1, 1]);
    expect(seqs(events.shown[0]?.events ?? [])).toEqual(upTo(6, 45));
    expect(agent.getSnapshot()).not.toBe(before);
    expect(agent.getSnapshot()).toBe(agent.getSnapshot());
    expect(store.getSnapshot().view).toEqual(foldAll('r', server.log('r')));
  });

  test('a list', async () => {
    const { server, client } = setup();
    for (const run of ['a', 'b', 'c']) server.append(run, 1);
    const list = client.list();
    list.subscribe(() => {});
    await settle();
    const { told, shown } = listen(list);
    const before = structuredClone(list.getSnapshot());
    const old = list.getSnapshot();
    const id = [...server.socket.lists][0] ?? 0;
    server.socket.send(
      ...['a', 'b', 'c'].map((run): ServerFrame => ({ type: 'row', list: id, row: { ...server.row(run), seq: 9 } })),
    );
    expect(told).toHaveBeenCalledTimes(1);
    expect(shown[0]?.rows.map(({ seq }) => seq)).toEqual([9, 9, 9]);
    expect(old, 'what was shown before has not changed').toEqual(before);
  });

  test('a frame copies each part of a view once, whatever the length of the log', async () => {
    const { server, client } = setup();
    server.append('r', 5);
    const { store } = watch(client, 'r');
    await settle();
    const parts = new Set<object>();
    const { shown } = listen(store);
    server.socket.send(...message(server, 'r', 3_000));
    for (const { view } of shown) for (const part of partsOf(view)) parts.add(part);
    expect(shown).toHaveLength(1);
    expect(parts.size).toBe(partsOf(shown[0]?.view).length);
  });
});

const partsOf = (view: RunView | undefined) =>
  view ? [view, view.control, view.content, view.content.logs.lines, view.content.messages] : [];

describe('[CLT-61] continuity is told by every store', () => {
  test('a run, its events and its agent: gap while the server says so, repaired once a snapshot has mended it', async () => {
    const all = setup();
    all.server.append('r', 9);
    const { store } = watch(all.client, 'r');
    await settle();
    const [run, events, agent] = [listen(store), listen(new EventWindow(store, 100)), new AgentStreamStore(store)];
    expect(agent.getSnapshot().continuity).toBe('complete');
    await restore(all, 'r', 4);
    expect(run.shown.map(({ continuity }) => continuity)).toContain('gap');
    expect(events.shown.map(({ continuity }) => continuity)).toContain('gap');
    expect(store.getSnapshot()).toMatchObject({ continuity: 'repaired', since: 4 });
    expect(events.shown.at(-1)).toEqual({ events: [], from: 5, through: 4, continuity: 'repaired' });
    expect(agent.getSnapshot().continuity).toBe('repaired');
    all.server.append('r', 2);
    expect(events.shown.at(-1)).toMatchObject({ from: 5, through: 6, continuity: 'repaired' });
  });

  test('a list: repaired when its rows came whole again after a loss', async () => {
    const { server, client, clock } = setup();
    server.append('a', 1);
    const list = client.list();
    list.subscribe(() => {});
    await settle();
    expect(list.getSnapshot()).toMatchObject({ status: 'ready', continuity: 'complete' });
    server.socket.cut();
    server.append('a', 3);
    clock.advance(500);
    await settle();
    expect(list.getSnapshot()).toMatchObject({ continuity: 'repaired', rows: [{ id: 'a', seq: 4 }] });
  });

  test('a list: gap while the server refuses to tell it, with the rows as they were', async () => {
    const { server, client } = setup();
    server.append('a', 1);
    const list = client.list();
    list.subscribe(() => {});
    await settle();
    const id = [...server.socket.lists][0] ?? 0;
    list.refused(new MillraceError('forbidden'));
    list.flush();
    expect(list.getSnapshot()).toMatchObject({ status: 'error', continuity: 'gap', rows: [{ id: 'a' }] });
    server.socket.send({ type: 'rows', list: id, rows: server.rows(), total: 1 });
    expect(list.getSnapshot()).toMatchObject({ status: 'ready', continuity: 'repaired', error: undefined });
  });
});

test('[CLT-90] a list that the server ends by an error shows it, and is asked for again where that helps', async () => {
  const { server, client, clock } = setup();
  server.append('a', 1);
  const list = client.list();
  list.subscribe(() => {});
  await settle();
  const id = [...server.socket.lists][0] ?? 0;
  server.socket.send({ type: 'error', id, problem: toProblem({ code: 'storage_unavailable' }) });
  expect(list.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'storage_unavailable' } });
  server.append('a', 2);
  clock.advance(2_000);
  await settle();
  expect(list.getSnapshot()).toMatchObject({ status: 'ready', rows: [{ id: 'a', seq: 3 }] });
});

describe('a list that is longer than its page', () => {
  async function paged() {
    const all = setup();
    for (const run of ['a', 'b', 'c']) all.server.append(run, 1);
    const list = all.client.list({ limit: 2 });
    const row = (run: string, createdAt: number) => ({ ...all.server.row(run), createdAt });
    all.server.rows = () => [row('c', 30), row('b', 20)];
    list.subscribe(() => {});
    await settle();
    const id = () => [...all.server.socket.lists].at(-1) ?? 0;
    return { ...all, list, row, id };
  }
  const ids = ({ rows, total }: { rows: readonly { id: string }[]; total: number }) => [
    rows.map(({ id }) => id),
    total,
  ];

  test('[CLT-73] counts a run that was beyond the page no second time', async () => {
    const { server, list, row, id } = await paged();
    expect(ids(list.getSnapshot())).toEqual([['c', 'b'], 3]);
    server.socket.send({ type: 'row', list: id(), row: row('a', 10) });
    expect(ids(list.getSnapshot())).toEqual([['c', 'b'], 3]);
    server.socket.send({ type: 'row', list: id(), row: row('d', 40) });
    expect(ids(list.getSnapshot())).toEqual([['d', 'c'], 4]);
    server.socket.send({ type: 'gone', list: id(), run: 'c' });
    expect(ids(list.getSnapshot())).toEqual([['d', 'b'], 3]);
    expect(list.getSnapshot().continuity).toBe('complete');
  });

  test('[CLT-73] asks for the run that moves up where it was never told, and shows a gap until then', async () => {
    const { server, list, row, id } = await paged();
    const first = id();
    server.rows = () => [row('b', 20), row('a', 10)];
    server.socket.send({ type: 'gone', list: first, run: 'c' });
    expect(list.getSnapshot()).toMatchObject({ continuity: 'gap', total: 2 });
    await settle();
    expect(server.socket.received.slice(-2)).toMatchObject([{ type: 'unlist', list: first }, { type: 'list' }]);
    expect(ids(list.getSnapshot())).toEqual([['b', 'a'], 3]);
    expect(list.getSnapshot().continuity).toBe('complete');
  });
});
