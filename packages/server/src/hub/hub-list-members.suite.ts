import type { ClientFrame, RunEvent, ServerFrame } from '@millrace/protocol';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Principal } from '../auth/auth.ts';
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

export function hubListMembersSuite(open: OpenWriter): void {
  const fresh = writers(open);
  let writer: LogWriter;
  let hub: Hub;

  beforeEach(async () => {
    writer = await fresh();
    hub = await writer.hubBeside('a', 'b');
  });

  type ListFrame = Extract<ClientFrame, { type: 'list' }>;

  async function list(about: Partial<ListFrame> = {}, who: Partial<Principal> = {}) {
    const connection = new FakeConnection();
    const session = hub.connect(principal(who), connection);
    session.receive(JSON.stringify({ type: 'list', id: 7, query: {}, events: true, ...about }));
    await until(() => expect(connection.of('rows')).toHaveLength(1));
    return { connection, send: (frame: object) => session.receive(JSON.stringify(frame)) };
  }

  const rangesOf = (connection: FakeConnection, run: string) =>
    connection.of('range').filter((frame) => frame.run === run && frame.key === `${run}|7`);
  const reaches = (connection: FakeConnection, run: string, head = writer.head(run)) =>
    until(() => expect(rangesOf(connection, run).at(-1)?.through).toBe(head));
  const end = (run: string) =>
    writer.append(run, [
      { type: 'run.started', data: {} },
      { type: 'run.completed', data: { duration: 1 } },
    ]);

  test('[HUB-45] a list with events follows its runs: one from the cursor that the client named, any other from its first event', async () => {
    await writer.logs('a', 700);
    await writer.logs('b', 20);
    const { connection } = await list({ after: { a: writer.cursor(600) } });
    await writer.logs('a', 3);
    await writer.create('c');
    await writer.logs('c', 3);
    for (const run of ['a', 'b', 'c']) await reaches(connection, run);
    expectExact(rangesOf(connection, 'a'), 600, 704);
    expectExact(rangesOf(connection, 'b'), 0, 21);
    expectExact(rangesOf(connection, 'c'), 0, 4);
    expect(connection.of('row').map(({ row }) => row.id)).toEqual(['c']);
  });

  test('[HUB-45] the same run as a subscription of its own, and in another list, is told under their own keys', async () => {
    const { connection, send } = await list();
    send({ type: 'list', id: 8, query: {}, events: true });
    send({ type: 'subscribe', id: 9, run: 'a', after: '0' });
    await writer.logs('a', 5);
    const keys = ['a', 'a|7', 'a|8'];
    const of = (key: string) => connection.of('range').filter((frame) => frame.key === key);
    await until(() => expect(keys.map((key) => of(key).at(-1)?.through)).toEqual([6, 6, 6]));
    for (const key of keys) expectExact(of(key), 0, 6);
    send({ type: 'unlist', id: 10, list: 7 });
    await writer.logs('a', 1);
    await until(() => expect(of('a').at(-1)?.through).toBe(7));
    expect(keys.map((key) => of(key).at(-1)?.through)).toEqual([7, 6, 7]);
  });

  test('[HUB-46] a run that leaves the list is followed to where its log stood, and goes on from there when it comes back', async () => {
    const { connection } = await list({ query: { status: ['created', 'running'] } });
    await writer.append('a', [
      { type: 'run.started', data: {} },
      logLine('last words'),
      { type: 'run.paused', data: {} },
    ]);
    await reaches(connection, 'a', 4);
    expect(connection.of('gone')).toMatchObject([{ run: 'a' }]);
    await writer.logs('a', 2);
    await writer.append('a', [{ type: 'run.resumed', data: {} }]);
    await reaches(connection, 'a', 7);
    expectExact(rangesOf(connection, 'a'), 0, 7);
  });

  test('a run that ends is followed to its end, and not again', async () => {
    const { connection } = await list();
    await end('a');
    await reaches(connection, 'a', 3);
    await writer.settled();
    const follow = vi.spyOn(writer.bus, 'subscribe');
    writer.losing = true;
    await writer.create('z');
    await hub.recheck();
    await until(() => expect(connection.of('row').at(-1)?.row.id).toBe('z'));
    await reaches(connection, 'z');
    expect(follow.mock.calls.map(([topic]) => topic)).toEqual(['t/run/z']);
    expectExact(rangesOf(connection, 'a'), 0, 3);
  });

  test('an ended run of which the client has everything is not followed at all', async () => {
    await end('a');
    const { connection } = await list({ after: { a: writer.cursor(3) } });
    await reaches(connection, 'b');
    expect(rangesOf(connection, 'a')).toEqual([]);
  });

  test('a cursor that cannot be served brings a gap and a snapshot of that run, under its key', async () => {
    const { connection } = await list({ after: { a: 'e1:9' } });
    await until(() => expect(connection.of('snapshot')).toHaveLength(1));
    expect([...connection.of('gap'), ...connection.of('snapshot')]).toMatchObject([
      { key: 'a|7', run: 'a', requested: 'e1:9' },
      { key: 'a|7', run: 'a', seq: 1 },
    ]);
  });

  test('a reader from whom classes are hidden sees nothing of them in a list with events', async () => {
    const { connection } = await list({}, { hide: ['log', 'input', 'identity'] });
    await writer.append('a', [logLine('hidden-word')]);
    await reaches(connection, 'a', 2);
    expect(connection.written.join('')).not.toMatch(/hidden-word|secret|owner/);
  });

  test('with a token that does not show a run any more, its events end with its row', async () => {
    await writer.create('bobs', { owner: 'bob' });
    hub = writer.hub({ auth: { verify: async () => principal() } });
    const { connection, send } = await list({}, { roles: ['operator'] });
    await reaches(connection, 'bobs');
    send({ type: 'token', id: 8, token: 'narrower' });
    await until(() => expect(connection.of('rows')).toHaveLength(2));
    await writer.logs('bobs', 1);
    await writer.logs('a', 1);
    await reaches(connection, 'a', 2);
    expectExact(rangesOf(connection, 'bobs'), 0, 1);
  });

  test('runs that a list follows count as subscriptions of the connection', async () => {
    for (let run = 0; run < 520; run++) await writer.create(`r${run}`);
    const { connection, send } = await list({ query: { limit: 500 } });
    send({ type: 'list', id: 8, query: { limit: 500 }, events: true });
    const refused = (frame: ServerFrame) => frame.type === 'error' && frame.problem.code === 'subscription_limit';
    await until(() => expect(connection.frames.some(refused)).toBe(true));
    expect(connection.of('error')).toMatchObject([{ id: 8 }]);
    // The first list goes on.
    await writer.logs('r519', 1);
    await reaches(connection, 'r519', 2);
    const events = (): RunEvent[] => connection.of('range').flatMap((range) => range.events);
    await until(() => expect(events().length).toBeGreaterThan(500));
  });
}
