import type { ListQuery } from '@millrace/protocol';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { topics } from '../bus/bus.ts';
import { until } from '../store/store-factory.suite.ts';
import type { Hub } from './face.ts';
import {
  expectExact,
  FakeConnection,
  type LogWriter,
  logLine,
  type OpenWriter,
  principal,
  writers,
} from './log-writer.suite.ts';
import { nativeEncoding } from './native-encoding.ts';

export function hubRepairSuite(open: OpenWriter): void {
  const fresh = writers(open);
  let writer: LogWriter;
  let hub: Hub;

  beforeEach(async () => {
    writer = await fresh();
    hub = await writer.hubBeside('r');
  });

  async function follow(run: string, after: number): Promise<FakeConnection> {
    const connection = new FakeConnection();
    hub.connect(principal(), connection).receive(JSON.stringify({ type: 'subscribe', id: 1, run, after: `${after}` }));
    await until(() => expect(connection.of('ok')).toHaveLength(1));
    return connection;
  }

  async function list(query: ListQuery = {}): Promise<FakeConnection> {
    const connection = new FakeConnection();
    hub.connect(principal(), connection).receive(JSON.stringify({ type: 'list', id: 1, query }));
    await until(() => expect(connection.of('rows')).toHaveLength(1));
    return connection;
  }

  /** Lets a second pass, and waits for what the hub does in it. */
  async function second(): Promise<void> {
    writer.clock.advance(1_000);
    await hub.recheck();
  }

  const reaches = (connection: FakeConnection, head: number) =>
    until(() => expect(connection.of('range').at(-1)?.through).toBe(head));
  const started = () => writer.append('r', [{ type: 'run.started', data: {} }]);

  /** Keeps these commits of the boot from being seen. */
  function hide(...hidden: number[]): { show(): void } {
    const read = writer.store.commitsAfter.bind(writer.store);
    let hiding = true;
    vi.spyOn(writer.store, 'commitsAfter').mockImplementation(async (server, n, limit) =>
      (await read(server, n, limit)).filter((row) => !hiding || !hidden.includes(row.n)),
    );
    return {
      show() {
        hiding = false;
      },
    };
  }

  describe('runs', () => {
    test('[HUB-15] what lost hints would have told is read once a second from the commits of every server', async () => {
      const connection = await follow('r', 1);
      writer.losing = true;
      for (const [server, head] of [
        ['boot', 2],
        ['other', 3],
        ['third', 4],
        ['other', 5],
      ] as const) {
        writer.server = server;
        writer.batches += 1;
        await writer.logs('r', 1);
        writer.clock.advance(1_000);
        await reaches(connection, head);
      }
      expectExact(connection.of('range'), 1, 5);
    });

    test('[HUB-21] it costs one reading per second and per commit, however many follow', async () => {
      for (let run = 0; run < 50; run++) {
        await writer.create(`r${run}`);
        await follow(`r${run}`, 1);
      }
      await second();
      const rows = vi.spyOn(writer.store, 'runRow');
      const last = vi.spyOn(writer.store, 'lastCommits');
      const commits = vi.spyOn(writer.store, 'commitsAfter');
      await second();
      expect([last, commits, rows].map(({ mock }) => mock.calls.length)).toEqual([1, 0, 0]);
      for (let run = 0; run < 50; run++) await writer.logs(`r${run}`, 1);
      await second();
      expect(commits).toHaveBeenCalledTimes(1);
      // Nothing was lost, so no row is looked at.
      expect(rows).not.toHaveBeenCalled();
    });

    test('a bus that may have lost hints wakes the repair at once', async () => {
      const connection = await follow('r', 1);
      writer.losing = true;
      await writer.logs('r', 2);
      writer.bus.publish([{ kind: 'wake', topic: topics.wake }]);
      await reaches(connection, 3);
    });

    test('what was lost before the first look, or of a boot with a long past, is found as well', async () => {
      for (let batch = 0; batch < 400; batch++) await writer.logs('r', 1);
      hub.stop('again');
      hub = writer.hub();
      writer.losing = true;
      const connection = await follow('r', 401);
      await writer.logs('r', 1);
      await second();
      await reaches(connection, 402);
    });

    test('the end of a run whose last hint was lost ends its stream', async () => {
      const connection = new FakeConnection();
      const following = await hub.follow({ principal: principal(), run: 'r', after: '1' });
      following.start(connection, nativeEncoding);
      writer.losing = true;
      await started();
      await writer.append('r', [{ type: 'run.completed', data: { duration: 1 } }]);
      await second();
      await until(() => expect(connection.closedWith).toBe(1000));
      expectExact(connection.of('range'), 1, 3);
    });
  });

  describe('holes', () => {
    test('[HUB-22] a commit that becomes visible after later ones is read then', async () => {
      const connection = await follow('r', 1);
      await second();
      writer.losing = true;
      const hidden = hide(writer.batches + 1);
      await writer.logs('r', 1);
      await writer.create('later');
      await second();
      await second();
      expect(connection.of('range')).toEqual([]);
      hidden.show();
      await second();
      await reaches(connection, 2);
    });

    test('[HUB-22] a commit that never becomes visible is given up after ten seconds: followed runs and lists are then compared with their rows', async () => {
      const connection = await follow('r', 1);
      const rows = await list();
      await second();
      writer.losing = true;
      hide(writer.batches + 1);
      await started();
      await writer.create('later');
      for (let waited = 0; waited < 10; waited++) await second();
      expect(connection.of('range')).toEqual([]);
      await second();
      await reaches(connection, 2);
      await until(() => expect(rows.of('rows')).toHaveLength(2));
      expect(rows.of('rows')[1]?.rows.map(({ id, status }) => [id, status])).toEqual([
        ['later', 'created'],
        ['r', 'running'],
      ]);
      // It is not waited for a second time.
      await second();
      await second();
      expect(rows.of('rows')).toHaveLength(2);
    });

    test.each(['lastCommits', 'commitsAfter', 'runRow'] as const)(
      '[HUB-23] where %s fails, nothing is forgotten: the next look makes up for it',
      async (method) => {
        const connection = await follow('r', 1);
        await second();
        writer.losing = true;
        await writer.logs('r', 1);
        vi.spyOn(writer.store, method).mockRejectedValueOnce(new Error('no disk'));
        await hub.recheck();
        expect(connection.of('range')).toEqual([]);
        await second();
        await reaches(connection, 2);
      },
    );
  });

  describe('lists', () => {
    test('[HUB-44] a lost change of a row is told within a second, and what was heard is not told again', async () => {
      await writer.create('s');
      const connection = await list();
      writer.losing = true;
      await started();
      await writer.create('t');
      writer.losing = false;
      await writer.append('s', [{ type: 'run.started', data: {} }]);
      await second();
      await second();
      await until(() => expect(connection.of('row')).toHaveLength(3));
      const [heard, ...repaired] = connection.of('row').map(({ row }) => [row.id, row.status]);
      expect(heard).toEqual(['s', 'running']);
      expect(repaired.sort()).toEqual([
        ['r', 'running'],
        ['t', 'created'],
      ]);
    });

    test('[HUB-44] what is repaired while the rows are read is not told again after them', async () => {
      writer.losing = true;
      await writer.create('s');
      const read = writer.store.runRows.bind(writer.store);
      vi.spyOn(writer.store, 'runRows').mockImplementationOnce(async (query) => {
        await second();
        return read(query);
      });
      const connection = await list();
      await writer.settled();
      expect(connection.of('rows')[0]?.rows.map(({ id }) => id)).toEqual(['s', 'r']);
      expect(connection.of('row')).toEqual([]);
    });

    test('a run that no longer matches is gone, though nobody heard of it', async () => {
      const connection = await list({ status: ['created'] });
      writer.losing = true;
      await started();
      await second();
      await until(() => expect(connection.of('gone').map(({ run }) => run)).toEqual(['r']));
    });

    test('a list of one queue is read again where a new run of it was missed', async () => {
      const connection = await list({ queue: 'q' });
      writer.losing = true;
      await writer.create('s', { queue: 'q' });
      await second();
      await until(() =>
        expect(
          connection
            .of('rows')
            .at(-1)
            ?.rows.map(({ id }) => id),
        ).toEqual(['s']),
      );
    });

    test('content tells lists nothing', async () => {
      const connection = await list();
      writer.losing = true;
      for (let batch = 0; batch < 5; batch++) {
        await writer.append('r', [logLine('content')]);
        await second();
      }
      expect(connection.of('row')).toEqual([]);
      expect(connection.of('rows')).toHaveLength(1);
    });
  });
}
