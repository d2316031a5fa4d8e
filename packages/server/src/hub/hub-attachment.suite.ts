import type { RunEvent, RunSummary, RunView } from '@millrace/protocol';
import { fold } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { topics } from '../bus/bus.ts';
import { until } from '../store/store-factory.suite.ts';
import type { Attached, TaleEncoding } from './face.ts';
import { FakeConnection, logLine, type OpenWriter, principal, writers } from './log-writer.suite.ts';

export function hubAttachmentSuite(open: OpenWriter): void {
  const fresh = writers(open);
  /** Says of each event what it is, and how many log lines there have been by then: what only a view can tell. */
  function counting(name = 'counting'): TaleEncoding & { spelled: number } {
    const encoding: TaleEncoding & { spelled: number } = {
      name,
      spelled: 0,
      tale(range, _key, before) {
        encoding.spelled += 1;
        let view: RunView = before;
        const fresh = new WeakSet();
        const words = (JSON.parse(`[${range.text}]`) as RunEvent[]).map((event) => {
          view = fold(view, event, fresh);
          return `${range.run}#${event.seq}:${view.content.logs.total}`;
        });
        return { message: Buffer.from(words.join(' ')), view };
      },
      snapshot: ({ run, seq }) => Buffer.from(`${run}@${seq}`),
      gap: () => Buffer.alloc(0),
      problem: ({ code }, key) => Buffer.from(`!${code} ${key}`),
      bye: (reason) => Buffer.from(`bye ${reason}`),
      join: (messages) => Buffer.from(messages.map(String).join(' ')),
    };
    return encoding;
  }

  const words = (connection: FakeConnection) =>
    connection.written.flatMap((message) => (message.length === 0 ? [] : String(message).split(' ')));

  async function followed(attached: Attached, run: string, encoding: TaleEncoding, after?: string): Promise<void> {
    const { begin } = await attached.follow({ key: run, run, encoding, ...(after === undefined ? {} : { after }) });
    begin();
  }

  describe('a connection of a dialect', () => {
    test('[HUB-90] is told each event by the view that it led to, from wherever it begins', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      await writer.create('r');
      await writer.logs('r', 3);
      const encoding = counting();
      for (const [after, first] of [
        [undefined, 'r#1:0'],
        [writer.cursor(3), 'r#4:3'],
      ] as const) {
        const connection = new FakeConnection();
        const attached = hub.attach({ principal: principal(), connection, encoding });
        await followed(attached, 'r', encoding, after);
        await until(() => expect(words(connection).at(-1)).toBe('r#4:3'));
        expect(words(connection)[0]).toBe(first);
        attached.closed();
      }
    });

    test('[HUB-91] what a turn says is spelled once for all who follow the run in one dialect, and a slow one catches up', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      await writer.create('r');
      const encoding = counting();
      const connections = Array.from({ length: 5 }, () => new FakeConnection());
      for (const connection of connections) {
        await followed(hub.attach({ principal: principal(), connection, encoding }), 'r', encoding);
      }
      await until(() => expect(connections.every((one) => words(one).includes('r#1:0'))).toBe(true));
      const before = encoding.spelled;
      const [slow] = connections as [FakeConnection];
      slow.stalled = true;
      const long = 'x'.repeat(40_000);
      for (let turn = 0; turn < 20; turn++) await writer.append('r', [logLine(long)]);
      await until(() => expect(words(connections[1] as FakeConnection).at(-1)).toBe('r#21:20'));
      expect(encoding.spelled - before).toBe(20);
      slow.stalled = false;
      slow.drain();
      await until(() => expect(words(slow).at(-1)).toBe('r#21:20'));
      expect(words(slow)).toEqual(words(connections[1] as FakeConnection));
    });

    test('[HUB-92] a room follows the runs of its query: open ones from now on or from their start, new ones whole', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      await writer.create('old', { owner: 'ada' });
      await writer.create('foreign', { owner: 'bob' });
      writer.clock.advance(1_000);
      const encoding = counting();
      const [now, start] = [new FakeConnection(), new FakeConnection()];
      for (const [connection, from] of [
        [now, 'now'],
        [start, 'start'],
      ] as const) {
        const attached = hub.attach({ principal: principal({ roles: ['operator'] }), connection, encoding });
        attached.room({ key: 'user:ada', query: { owner: 'ada' }, encoding, from });
      }
      await writer.settled();
      expect(words(start)).toEqual(['old#1:0']);
      await writer.logs('old', 1);
      await writer.create('new', { owner: 'ada' });
      await writer.create('others', { owner: 'bob' });
      await until(() => expect(words(now).sort()).toEqual(['new#1:0', 'old#2:1']));
      await until(() => expect(words(start).sort()).toEqual(['new#1:0', 'old#1:0', 'old#2:1']));
    });

    test('[HUB-97] of a run that has ended a room tells once, and of those that had ended before it nothing', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      await writer.create('before', { owner: 'ada' });
      await writer.append('before', [{ type: 'run.completed', data: {} }]);
      writer.clock.advance(1_000);
      const encoding = counting();
      const connection = new FakeConnection();
      const attached = hub.attach({ principal: principal(), connection, encoding });
      attached.room({ key: 'user:ada', query: { owner: 'ada' }, encoding, from: 'now' });
      await writer.create('r', { owner: 'ada' });
      await writer.append('r', [{ type: 'run.completed', data: {} }]);
      await until(() => expect(words(connection)).toEqual(['r#1:0', 'r#2:0']));
      for (const run of ['before', 'r']) {
        const row = (await writer.store.runRow({ tenant: 't', run }))?.summary as RunSummary;
        writer.bus.publish([{ kind: 'row', topic: topics.rows('t'), tenant: 't', row }]);
      }
      await writer.create('last', { owner: 'ada' });
      await until(() => expect(words(connection)).toEqual(['r#1:0', 'r#2:0', 'last#1:0']));
    });

    test('[HUB-93] its cursors say how far each run was written, and a room goes on from them', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      await writer.create('a', { owner: 'ada' });
      await writer.create('b', { owner: 'ada' });
      const encoding = counting();
      const connection = new FakeConnection();
      const attached = hub.attach({ principal: principal(), connection, encoding });
      attached.room({ key: 'user:ada', query: { owner: 'ada' }, encoding, from: 'start' });
      await until(() => expect(words(connection)).toHaveLength(2));
      await writer.logs('b', 1);
      await until(() => expect(words(connection)).toHaveLength(3));
      const key = 'user:ada';
      const places = attached.places();
      expect(places.sort((a, b) => a.seq - b.seq)).toEqual([
        { key, run: 'a', seq: 1 },
        { key, run: 'b', seq: 2 },
      ]);
      const at = attached.now();
      attached.closed();
      await writer.logs('a', 1);
      await writer.append('b', [{ type: 'run.completed', data: {} }]);
      await writer.create('c', { owner: 'ada' });
      const back = new FakeConnection();
      const again = hub.attach({ principal: principal(), connection: back, encoding });
      const members = new Map(places.map(({ run = '', seq }) => [run, seq]));
      again.room({ key, query: { owner: 'ada' }, encoding, from: 'now', back: { at, cursors: members } });
      await until(() => expect(words(back).sort()).toEqual(['a#2:1', 'b#3:1', 'c#1:0']));
    });

    test('[HUB-94] it ends with its token and with the server, and says so first', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      const encoding = counting();
      const [expiring, leaving] = [new FakeConnection(), new FakeConnection()];
      const expires = writer.clock.now() + 1_000;
      hub.attach({ principal: principal({ expires }), connection: expiring, encoding });
      hub.attach({ principal: principal(), connection: leaving, encoding });
      writer.clock.advance(1_000);
      expect(words(expiring)).toEqual(['!token_expired', '']);
      expect(expiring.closedWith).toBe(4401);
      hub.stop('leaving');
      expect(words(leaving)).toEqual(['bye', 'leaving']);
      expect(leaving.closedWith).toBe(1012);
    });

    test('[HUB-95] of a run that it may not see it is told that there is none, and holds at most 1,000 subscriptions', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      await writer.create('r', { owner: 'bob' });
      await writer.create('mine', { owner: 'ada' });
      const encoding = counting();
      const attached = hub.attach({ principal: principal(), connection: new FakeConnection(), encoding });
      await expect(attached.follow({ key: 'r', run: 'r', encoding })).rejects.toMatchObject({ code: 'run_not_found' });
      for (let n = 0; n < 1_000; n++) await attached.follow({ key: `k${n}`, run: 'mine', encoding });
      await expect(attached.follow({ key: 'more', run: 'mine', encoding })).rejects.toMatchObject({
        code: 'subscription_limit',
      });
    });

    test('[DIA-137] where a connection holds as much as it may, a room tells that it cannot go on, and nobody else misses a thing', async () => {
      const writer = await fresh();
      const hub = writer.hub();
      await writer.create('mine', { owner: 'ada' });
      writer.clock.advance(1_000);
      const encoding = counting();
      const [full, other] = [new FakeConnection(), new FakeConnection()];
      const room = { key: 'user:ada', query: { owner: 'ada' }, encoding, from: 'now' as const };
      const attached = hub.attach({ principal: principal(), connection: full, encoding });
      attached.room(room);
      hub.attach({ principal: principal(), connection: other, encoding }).room(room);
      await until(() => expect(attached.places()).toHaveLength(1));
      for (let n = 0; n < 998; n++) await attached.follow({ key: `k${n}`, run: 'mine', encoding });
      await writer.create('more', { owner: 'ada' });
      await until(() => expect(words(full)).toEqual(['!subscription_limit', 'user:ada']));
      await until(() => expect(words(other)).toEqual(['more#1:0']));
      expect(attached.follows('user:ada')).toBe(false);
      for (let n = 0; n < 10; n++) attached.unfollow(`k${n}`);
      attached.room({ ...room, from: 'start' });
      await until(() => expect(words(full).slice(2).sort()).toEqual(['mine#1:0', 'more#1:0']));
    });
  });
}
