import type { ListQuery } from '@millrace/protocol';
import { beforeEach, expect, test } from 'vitest';
import type { Principal } from '../auth/auth.ts';
import { until } from '../store/store-factory.suite.ts';
import type { Hub } from './face.ts';
import { FakeConnection, type LogWriter, logLine, type OpenWriter, principal, writers } from './log-writer.suite.ts';

export function hubListSubscriptionSuite(open: OpenWriter): void {
  const fresh = writers(open);
  let writer: LogWriter;
  let hub: Hub;

  beforeEach(async () => {
    writer = await fresh();
    hub = writer.hub();
    await writer.create('r1', { tags: ['red'] });
    await writer.create('r2', { owner: 'bob', workflow: 'other' });
    await writer.create('r3', { queue: 'q' });
    // It looks back on what was committed: what happens from now on is new to it.
    await hub.recheck();
  });

  async function list(query: ListQuery = {}, who: Partial<Principal> = {}, stalled = false) {
    const connection = new FakeConnection();
    connection.stalled = stalled;
    const session = hub.connect(principal(who), connection);
    session.receive(JSON.stringify({ type: 'list', id: 7, query }));
    await until(() => expect(connection.of('rows')).toHaveLength(1));
    return { connection, session, rows: connection.of('rows')[0]?.rows.map(({ id }) => id) };
  }

  const operator: Partial<Principal> = { id: 'op', roles: ['operator'] };
  const start = (run: string) => writer.append(run, [{ type: 'run.started', data: {} }]);

  test('[HUB-40] a list is the rows that match, newest first, then a row for each run that changes or comes', async () => {
    const { connection, rows } = await list();
    expect(rows).toEqual(['r3', 'r1']);
    expect(connection.frames.map(({ type }) => type)).toEqual(['hello', 'ok', 'rows']);
    expect(connection.of('rows')[0]).toMatchObject({ list: 7, total: 2 });
    await start('r1');
    await writer.create('r4');
    await writer.settled();
    expect(connection.of('row').map(({ list, row }) => [list, row.id, row.status, row.seq])).toEqual([
      [7, 'r1', 'running', 2],
      [7, 'r4', 'created', 1],
    ]);
  });

  test('[HUB-47] a list by status that has more runs than rows is counted again within a second of a change beyond them', async () => {
    const { connection, rows } = await list({ status: ['created'], limit: 1 }, operator);
    expect(rows).toEqual(['r3']);
    expect(connection.of('rows')[0]?.total).toBe(3);
    await start('r1');
    await start('r2');
    await writer.settled();
    expect(connection.of('rows')).toHaveLength(1);
    writer.clock.advance(1_000);
    await until(() => expect(connection.of('rows')).toHaveLength(2));
    expect(connection.of('rows')[1]).toMatchObject({ total: 1, rows: [{ id: 'r3' }] });
    await start('r3');
    await writer.settled();
    expect(connection.of('gone')).toMatchObject([{ run: 'r3' }]);
  });

  test.each<[string, ListQuery, Partial<Principal>, string[]]>([
    ['a user: their own', {}, {}, ['r3', 'r1']],
    ["a user asking for another's", { owner: 'bob' }, {}, []],
    ["an operator: the tenant's", {}, operator, ['r3', 'r2', 'r1']],
    ["an operator asking for one owner's", { owner: 'bob' }, operator, ['r2']],
    ['another tenant', {}, { tenant: 'other', roles: ['operator'] }, []],
    ['by workflow', { workflow: 'other' }, operator, ['r2']],
    ['by tag', { tag: 'red' }, operator, ['r1']],
    ['by queue', { queue: 'q' }, operator, ['r3']],
    ['by status', { status: ['running'] }, operator, []],
    ['a link to one run', {}, { only: { run: 'r2' } }, ['r2']],
    ['a link to a tag', {}, { only: { tag: 'red' } }, ['r1']],
    ['a link to a tag asking for another', { tag: 'blue' }, { only: { tag: 'red' } }, []],
  ])('[HUB-41] %s: rows and changes are of these runs alone', async (_case, query, who, expected) => {
    const { connection, rows } = await list(query, who);
    expect(rows).toEqual(expected);
    expect(connection.of('rows')[0]?.total).toBe(expected.length);
    for (const run of ['r1', 'r2', 'r3']) await writer.append(run, [{ type: 'usage', data: { inputTokens: 1 } }]);
    await writer.settled();
    expect(
      connection
        .of('row')
        .map(({ row }) => row.id)
        .sort(),
    ).toEqual([...expected].sort());
  });

  test('[HUB-42] a run that no longer matches is gone', async () => {
    const { connection } = await list({ status: ['created'] });
    await start('r1');
    await writer.settled();
    expect(connection.of('gone')).toEqual([{ type: 'gone', list: 7, run: 'r1' }]);
    await writer.append('r1', [{ type: 'run.paused', data: {} }]);
    await writer.settled();
    expect(connection.of('gone')).toHaveLength(1);
    expect(connection.of('row')).toEqual([]);
  });

  test('[HUB-43] of several changes of a run in one turn the last is sent, and only that', async () => {
    const { connection } = await list();
    const row = (await writer.store.runRow({ tenant: 't', run: 'r1' }))?.summary;
    if (!row) throw new Error('no row');
    writer.bus.publish([2, 3, 4].map((seq) => ({ kind: 'row', topic: 't/rows', tenant: 't', row: { ...row, seq } })));
    await writer.settled();
    expect(connection.of('row').map(({ row: { seq } }) => seq)).toEqual([4]);
  });

  test('a change that was on its way while newer rows were read does not take them back', async () => {
    await start('r1');
    const { connection } = await list();
    const row = (await writer.store.runRow({ tenant: 't', run: 'r1' }))?.summary;
    if (!row) throw new Error('no row');
    writer.bus.publish([{ kind: 'row', topic: 't/rows', tenant: 't', row: { ...row, status: 'created', seq: 1 } }]);
    await writer.settled();
    expect(connection.of('row')).toEqual([]);
  });

  test('a list whose reader is slow is bounded, and whole again when it has drained', async () => {
    const { connection, session } = await list({}, {}, true);
    session.receive('{"type":"subscribe","id":1,"run":"r1","after":"0"}');
    await writer.append(
      'r1',
      Array.from({ length: 2 }, () => logLine('x'.repeat(200_000))),
    );
    await until(() => expect(connection.buffered()).toBeGreaterThan(256 * 1024));
    const written = connection.written.length;
    for (let run = 0; run < 600; run++) await writer.create(`n${run}`);
    await writer.settled();
    expect(connection.written).toHaveLength(written);
    connection.stalled = false;
    connection.drain();
    await until(() => expect(connection.of('rows')).toHaveLength(2));
    expect(connection.of('rows')[1]).toMatchObject({ total: 602 });
    await start('n599');
    await until(() => expect(connection.of('row').at(-1)?.row.id).toBe('n599'));
  });

  test('rows of a redacted reader show no owner, tags or cost', async () => {
    await writer.append('r1', [{ type: 'usage', data: { cost: { amount: 3, currency: 'EUR' } } }]);
    const { connection } = await list({}, { hide: ['identity', 'cost'] });
    await start('r1');
    await writer.settled();
    const seen = [...(connection.of('rows')[0]?.rows ?? []), ...connection.of('row').map(({ row }) => row)];
    expect(seen).toHaveLength(3);
    for (const row of seen) expect(row).not.toMatchObject({ owner: expect.anything() });
    expect(JSON.stringify(seen)).not.toMatch(/EUR|red|ada/);
  });

  test('after unlist nothing more comes', async () => {
    const { connection, session } = await list();
    session.receive('{"type":"unlist","id":8,"list":7}');
    await start('r1');
    await writer.settled();
    expect(connection.of('row')).toEqual([]);
    expect(connection.of('ok').at(-1)).toEqual({ type: 'ok', id: 8 });
  });
}
