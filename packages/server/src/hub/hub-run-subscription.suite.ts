import { emptyView, FOLD, filterKey, fold, type RunEvent, type RunFilter, redact } from '@millrace/protocol';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Principal } from '../auth/auth.ts';
import { until } from '../store/store-factory.suite.ts';
import type { Hub, Session } from './face.ts';
import {
  expectExact,
  FakeConnection,
  type LogWriter,
  logLine,
  type OpenWriter,
  principal,
  writers,
} from './log-writer.suite.ts';

export function hubRunSubscriptionSuite(open: OpenWriter): void {
  const fresh = writers(open);
  let writer: LogWriter;
  let hub: Hub;

  beforeEach(async () => {
    writer = await fresh();
    hub = await writer.hubBeside('r');
  });

  function connect(who: Partial<Principal> = {}): { connection: FakeConnection; session: Session } {
    const connection = new FakeConnection();
    return { connection, session: hub.connect(principal(who), connection) };
  }

  function subscribe(
    about: { after?: string; filter?: RunFilter; who?: Partial<Principal>; stalled?: boolean } = {},
  ): FakeConnection {
    const { after, filter, who, stalled = false } = about;
    const { connection, session } = connect(who);
    connection.stalled = stalled;
    session.receive(JSON.stringify({ type: 'subscribe', id: 1, run: 'r', after, filter }));
    return connection;
  }

  const reaches = (connection: FakeConnection, head: number) =>
    until(() => {
      const last = connection.frames.at(-1);
      expect(last?.type === 'range' ? last.through : last?.type === 'snapshot' && last.seq).toBe(head);
    });

  describe('catch up, then live', () => {
    test.each([0, 1, 255, 511, 512, 700, 1000])(
      '[HUB-10] after cursor %i every seq comes once and in order while others append',
      async (after) => {
        await writer.logs('r', 999);
        const connection = subscribe({ after: writer.cursor(after) });
        for (let batch = 0; batch < 40; batch++) {
          await writer.logs('r', 1 + (batch % 3));
          if (batch % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await reaches(connection, writer.head('r'));
        expectExact(connection.of('range'), after, writer.head('r'));
        const sent = connection.of('range').map(({ events }) => events.map((event) => JSON.stringify(event)).join());
        const log = JSON.parse(`[${await writer.texts('r')}]`) as RunEvent[];
        expect(sent.filter((text) => text !== '').join()).toBe(
          log
            .slice(after)
            .map((event) => JSON.stringify(event))
            .join(),
        );
      },
    );

    test('[HUB-11] a caught-up reader gets a batch in the turn that committed it, as the bytes every other reader gets', async () => {
      const readers = [
        subscribe({ after: writer.cursor(1) }),
        subscribe({ after: writer.cursor(1) }),
        subscribe({ after: writer.cursor(0) }),
      ];
      await reaches(readers[2] as FakeConnection, 1);
      await until(() => expect(readers.every((one) => one.of('ok').length === 1)).toBe(true));
      const before = readers.map(({ written }) => written.length);
      await writer.logs('r', 3);
      const bytes = readers.map(({ written }, place) => written.slice(before[place]));
      expect(bytes.map((messages) => messages.length)).toEqual([1, 1, 1]);
      expect(bytes[0]?.[0]).toBe(bytes[1]?.[0]);
      expect(bytes[0]?.[0]).toBe(bytes[2]?.[0]);
    });

    test('[HUB-13] a reader catches up by one page a turn, so that others are served between its pages', async () => {
      await writer.logs('r', 4_000);
      const connection = subscribe({ after: '0' });
      await reaches(connection, 4_001);
      expect(connection.of('range').length).toBeGreaterThanOrEqual(8);
      expect(connection.written.length).toBeGreaterThanOrEqual(8);
    });

    test('[HUB-99] a first page that is in memory leaves in the turn of the answer, without a reading', async () => {
      await writer.logs('r', 99);
      await reaches(subscribe({ after: writer.cursor(0) }), 100);
      const page = vi.spyOn(writer.store, 'readLog');
      const second = subscribe({ after: writer.cursor(0) });
      // Looked at in every turn: what comes a turn after the answer is seen to be missing.
      for (let turns = 0; turns < 100_000 && second.of('ok').length === 0; turns++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(second.frames.slice(1).map(({ type }) => type)).toEqual(['ok', 'range']);
      expectExact(second.of('range'), 0, 100);
      expect(page).not.toHaveBeenCalled();
    });

    test('whoever comes to a run with one live reader gets what that one was handed', async () => {
      const first = subscribe({ after: writer.cursor(1) });
      await until(() => expect(first.of('ok')).toHaveLength(1));
      await writer.logs('r', 3);
      const second = subscribe({ after: writer.cursor(1) });
      await writer.logs('r', 2);
      await reaches(second, 6);
      await writer.logs('r', 1);
      for (const reader of [first, second]) {
        await reaches(reader, 7);
        expectExact(reader.of('range'), 1, 7);
      }
    });

    test('readers who come back at different places share pages of the store', async () => {
      await writer.logs('r', 2_000);
      const reads = vi.spyOn(writer.store, 'readLog');
      const readers = Array.from({ length: 50 }, (_, place) => subscribe({ after: writer.cursor(place * 10) }));
      for (const reader of readers) await reaches(reader, 2_001);
      for (const [place, reader] of readers.entries()) expectExact(reader.of('range'), place * 10, 2_001);
      expect(reads.mock.calls.length).toBeLessThan(60);
    });
  });

  describe('the bus is a hint', () => {
    test('[HUB-14] a lost hint costs latency only: the next one makes the reader read what it missed', async () => {
      const connection = subscribe({ after: writer.cursor(1) });
      await until(() => expect(connection.of('ok')).toHaveLength(1));
      await writer.settled();
      writer.losing = true;
      await writer.logs('r', 5);
      writer.losing = false;
      expect(connection.of('range')).toEqual([]);
      await writer.logs('r', 1);
      await reaches(connection, 7);
      expectExact(connection.of('range'), 1, 7);
    });
  });

  describe('slow readers', () => {
    test('[HUB-16] a reader with more than 256 KB waiting leaves the live set, holds no more memory, and misses nothing', async () => {
      const slow = subscribe({ after: writer.cursor(1), stalled: true });
      const quick = subscribe({ after: writer.cursor(1) });
      await until(() => expect(slow.of('ok').length + quick.of('ok').length).toBe(2));
      const text = 'x'.repeat(10_000);
      for (let batch = 0; batch < 200; batch++) await writer.append('r', [logLine(text)]);
      await reaches(quick, 201);
      expectExact(quick.of('range'), 1, 201);
      expect(slow.buffered()).toBeGreaterThan(256 * 1024);
      expect(slow.buffered()).toBeLessThan(300 * 1024);
      // Each drain lets it read on by cursor, and new events meanwhile change nothing.
      for (let turn = 0; turn < 100; turn++) {
        slow.drain();
        await writer.logs('r', 1);
        await new Promise((resolve) => setImmediate(resolve));
      }
      slow.stalled = false;
      slow.drain();
      await reaches(slow, 301);
      expectExact(slow.of('range'), 1, writer.head('r'));
    });

    test('a reader that is gone while it waits to drain is let go', async () => {
      await writer.append(
        'r',
        Array.from({ length: 40 }, () => logLine('x'.repeat(10_000))),
      );
      const { connection, session } = connect();
      connection.stalled = true;
      session.receive(JSON.stringify({ type: 'subscribe', id: 1, run: 'r', after: '0' }));
      await until(() => expect(connection.buffered()).toBeGreaterThan(256 * 1024));
      const written = connection.written.length;
      session.closed();
      await writer.logs('r', 10);
      connection.drain();
      await writer.settled();
      expect(connection.written).toHaveLength(written);
    });
  });

  describe('snapshots and gaps', () => {
    test('[HUB-17] without a cursor comes a snapshot at head that is the fold of the log, then what follows', async () => {
      await writer.logs('r', 600);
      const connection = subscribe();
      await reaches(connection, 601);
      await writer.logs('r', 2);
      const [snapshot] = connection.of('snapshot');
      const view = emptyView('r');
      for (const event of JSON.parse(`[${await writer.texts('r')}]`) as RunEvent[])
        if (event.seq <= 601) fold(view, event);
      expect(snapshot).toEqual({ type: 'snapshot', key: 'r', run: 'r', seq: 601, view });
      expectExact(connection.of('range'), 601, 603);
    });

    test('the stored snapshot is where the next view starts, and one of another fold is not', async () => {
      await writer.logs('r', 3_000);
      await reaches(subscribe(), 3_001);
      const key = { tenant: 't', run: 'r' };
      await until(async () => expect((await writer.store.readSnapshot(key, 'view', FOLD))?.seq).toBe(3_001));
      const other = writer.hub();
      const reads = vi.spyOn(writer.store, 'readLog');
      const connection = new FakeConnection();
      other.connect(principal(), connection).receive('{"type":"subscribe","id":1,"run":"r"}');
      await reaches(connection, 3_001);
      expect(connection.of('snapshot')[0]?.view).toEqual(writer.view('r'));
      expect(reads).not.toHaveBeenCalled();
    });

    test.each([
      ['of another epoch', () => 'e1:1'],
      ['newer than the log', () => writer.cursor(99)],
    ])('[HUB-18] a cursor %s is answered with an explicit gap, then a snapshot', async (_case, cursor) => {
      const after = cursor();
      const connection = subscribe({ after });
      await reaches(connection, 1);
      expect(connection.frames.map(({ type }) => type)).toEqual(['hello', 'ok', 'gap', 'snapshot']);
      expect(connection.of('gap')).toEqual([
        { type: 'gap', key: 'r', run: 'r', requested: after, earliest: 1, latest: 1 },
      ]);
      await writer.logs('r', 1);
      expectExact(connection.of('range'), 1, 2);
    });

    test('a cursor is newer than the log only if the row, read again, says so', async () => {
      const stale = await writer.store.runRow({ tenant: 't', run: 'r' });
      await writer.logs('r', 4);
      vi.spyOn(writer.store, 'runRow').mockResolvedValueOnce(stale);
      const connection = subscribe({ after: writer.cursor(5) });
      await until(() => expect(connection.of('ok')).toEqual([{ type: 'ok', id: 1, key: 'r', head: 5 }]));
      await writer.logs('r', 1);
      expect(connection.of('gap')).toEqual([]);
      expectExact(connection.of('range'), 5, 6);
    });
  });

  describe('filters and redaction', () => {
    test('[HUB-19] a filtered reader gets ranges that cover everything and hold only what passes, and a fold of that', async () => {
      await writer.append('r', [{ type: 'node.started', node: 'a', attempt: 1, data: {} }, logLine('one')]);
      const filter: RunFilter = { types: ['node.started', 'node.completed'] };
      const key = filterKey('r', { types: ['node.completed', 'node.started'] });
      const live = subscribe({ after: '0', filter });
      const snapshot = subscribe({ filter });
      await reaches(live, 3);
      await reaches(snapshot, 3);
      await writer.append('r', [logLine('two')]);
      await writer.append('r', [
        logLine('three'),
        { type: 'node.completed', node: 'a', attempt: 1, data: { output: 1 } },
      ]);
      const ranges = live
        .of('range')
        .map(({ key, seq, through, events }) => [key, seq, through, events.map((event) => event.seq)]);
      expect(ranges).toEqual([
        [key, 1, 3, [1, 2]],
        [key, 4, 4, []],
        [key, 5, 6, [6]],
      ]);
      const [shot] = snapshot.of('snapshot');
      expect(shot).toMatchObject({ key, seq: 3, view: { seq: 2, content: { logs: { total: 0 } } } });
      expect(shot?.view.control.nodes.a?.status).toBe('running');
    });

    test('[HUB-20] a token that hides classes gets neither their events nor their fields, live or in a snapshot', async () => {
      const who = { hide: ['log', 'input', 'identity'] as const };
      const reader = subscribe({ after: '0', who });
      const snapshot = subscribe({ who });
      await writer.append('r', [logLine('hidden-word')]);
      await reaches(reader, 2);
      await reaches(snapshot, 2);
      const all = [...reader.written, ...snapshot.written].join('');
      for (const word of ['hidden-word', 'secret', '"owner"']) expect(all).not.toContain(word);
      const profile = { name: '', hide: who.hide };
      const seen = (JSON.parse(`[${await writer.texts('r')}]`) as RunEvent[]).flatMap(
        (event) => redact(event, profile) ?? [],
      );
      expect(reader.of('range').flatMap(({ events }) => events)).toEqual(seen);
      const view = emptyView('r');
      for (const event of seen) fold(view, event);
      const shot = snapshot.of('snapshot')[0];
      expect(shot?.view).toEqual(shot?.seq === 2 ? view : expect.objectContaining({ seq: 1 }));
    });

    test('readers with the same filter and profile share their bytes; others do not', async () => {
      const filters = [{ nodes: ['a', 'b'] }, { nodes: ['b', 'a'] }, { nodes: ['a'] }];
      const readers = filters.map((filter) => subscribe({ after: '1', filter }));
      await until(() => expect(readers.every((one) => one.of('ok').length === 1)).toBe(true));
      await writer.logs('r', 1);
      const [one, two, three] = readers.map(({ written }) => written.at(-1));
      expect(one).toBe(two);
      expect(one).not.toBe(three);
    });
  });

  test('a store that fails ends the subscription with its error and keeps the connection', async () => {
    vi.spyOn(writer.store, 'readLog').mockRejectedValueOnce(new Error('disk on fire'));
    const connection = subscribe({ after: '0' });
    await until(() => expect(connection.of('error')).toMatchObject([{ key: 'r', problem: { code: 'internal' } }]));
    expect(connection.written.join('')).not.toContain('fire');
    expect(connection.closedWith).toBeUndefined();
  });
}
