import { MillraceError } from '@millrace/protocol';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Principal } from '../auth/auth.ts';
import { until } from '../store/store-factory.suite.ts';
import type { Hub, Session, Submit } from './face.ts';
import { FakeConnection, type LogWriter, logLine, type OpenWriter, principal, writers } from './log-writer.suite.ts';
import { nativeEncoding } from './native-encoding.ts';

export function hubSessionSuite(open: OpenWriter): void {
  const fresh = writers(open);
  let writer: LogWriter;
  let hub: Hub;
  let submit: ReturnType<typeof vi.fn<Submit>>;
  let tokens: Record<string, Principal>;

  beforeEach(async () => {
    writer = await fresh();
    submit = vi.fn<Submit>(async () => ({ seq: 9, result: 'paused' }));
    tokens = {};
    const verify = async (token: string | undefined) => {
      const found = tokens[token ?? ''];
      if (!found) throw new MillraceError('unauthorized');
      return found;
    };
    hub = writer.hub({ auth: { verify }, submit });
    await writer.create('r');
    // It looks back on what was committed: what happens from now on is new to it.
    await hub.recheck();
  });

  function connect(who: Partial<Principal> = {}) {
    const connection = new FakeConnection();
    const session = hub.connect(principal(who), connection);
    return { connection, session, send: (frame: object) => session.receive(JSON.stringify(frame)) };
  }

  async function answered(connection: FakeConnection): Promise<object[]> {
    await writer.settled();
    return connection.frames.filter(({ type }) => type !== 'hello');
  }

  /** Answers name the question; they need not come in its order. */
  const byId = (frames: object[]) => [...(frames as { id: number }[])].sort((a, b) => a.id - b.id);

  const error = (code: string, id?: number) =>
    expect.objectContaining({
      type: 'error',
      ...(id === undefined ? {} : { id }),
      problem: expect.objectContaining({ code }),
    });

  test('[HUB-30] the first frame is hello, with the epoch of the cursors and who one is', async () => {
    const { connection } = connect();
    await answered(connection);
    expect(connection.frames).toEqual([
      { type: 'hello', wire: 1, epoch: writer.store.epoch, server: 'boot', heartbeat: 30_000, user: 'ada' },
    ]);
  });

  test("a ping is answered with the server's time", async () => {
    const { connection, send } = connect();
    send({ type: 'ping', at: 5 });
    expect(await answered(connection)).toEqual([{ type: 'pong', at: 5, now: writer.clock.now() }]);
  });

  test.each([
    ['no JSON', '{"type":', undefined],
    ['no object', '7', undefined],
    ['an unknown type', '{"type":"dance","id":4}', 4],
    ['a missing field', '{"type":"subscribe","id":4}', 4],
    ['a field of another type', '{"type":"subscribe","id":4,"run":["r"]}', 4],
    ['an unknown event type in a filter', '{"type":"subscribe","id":4,"run":"r","filter":{"types":["nope"]}}', 4],
    ['an unknown command', '{"type":"command","id":4,"run":"r","command":{"type":"explode"}}', 4],
    ['too many frames', JSON.stringify(Array(5_000).fill({ type: 'ping', at: 1 })), undefined],
  ])('[HUB-31] %s is answered with invalid_message and the connection goes on', async (_case, text, id) => {
    const { connection, session, send } = connect();
    session.receive(text);
    send({ type: 'ping', at: 1 });
    expect(await answered(connection)).toEqual([
      error('invalid_message', id),
      expect.objectContaining({ type: 'pong' }),
    ]);
    expect(connection.closedWith).toBeUndefined();
  });

  test('several frames may come as one array; a bad one among them harms no other', async () => {
    const { connection, session } = connect();
    session.receive('[{"type":"ping","at":1},{"type":"nope"},{"type":"ping","at":2}]');
    expect((await answered(connection)).map((frame) => (frame as { type: string }).type)).toEqual([
      'pong',
      'error',
      'pong',
    ]);
  });

  test('[HUB-32] a run of another user, of another tenant, or of no one looks like a missing one', async () => {
    await writer.create('theirs', { owner: 'bob' });
    const answers: object[] = [];
    const cases: [Partial<Principal>, string][] = [
      [{}, 'theirs'],
      [{ tenant: 'other' }, 'r'],
      [{}, 'none'],
      [{ only: { run: 'r' } }, 'theirs'],
    ];
    for (const [who, run] of cases) {
      const { connection, send } = connect(who);
      send({ type: 'subscribe', id: 1, run });
      send({ type: 'command', id: 2, run, command: { type: 'pause' } });
      answers.push(...byId(await answered(connection)));
    }
    expect(answers).toEqual(cases.flatMap(() => [error('run_not_found', 1), error('run_not_found', 2)]));
    expect(submit).not.toHaveBeenCalled();
  });

  test('an operator sees the runs of the tenant', async () => {
    const { connection, send } = connect({ id: 'op', roles: ['operator'] });
    send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
    expect(await answered(connection)).toEqual([{ type: 'ok', id: 1, key: 'r', head: 1 }]);
  });

  test('a garbage cursor is refused with invalid_cursor, and another subscribe works', async () => {
    const { connection, send } = connect();
    send({ type: 'subscribe', id: 1, run: 'r', after: 'yesterday' });
    send({ type: 'subscribe', id: 2, run: 'r', after: '1' });
    expect(await answered(connection)).toEqual([error('invalid_cursor', 1), { type: 'ok', id: 2, key: 'r', head: 1 }]);
  });

  test('[HUB-12] the frames of one turn are one message', async () => {
    await writer.create('r2');
    const { connection, send } = connect();
    for (const run of ['r', 'r2']) send({ type: 'subscribe', id: 1, run, after: '1' });
    await until(() => expect(connection.of('ok')).toHaveLength(2));
    const before = connection.written.length;
    await writer.appendAll(['r', 'r2'].map((run) => ({ run, events: [logLine('one')] })));
    await until(() => expect(connection.of('range')).toHaveLength(2));
    expect(connection.written).toHaveLength(before + 1);
  });

  test("[HUB-33] a command is submitted as its sender's and answered after its commit; a refusal is an error frame", async () => {
    const { connection, send } = connect();
    send({ type: 'command', id: 1, run: 'r', command: { type: 'pause', reason: 'tea' }, key: 'k', ctl: 1 });
    expect(await answered(connection)).toEqual([{ type: 'ok', id: 1, head: 9, result: 'paused' }]);
    expect(submit).toHaveBeenCalledWith(principal(), 'r', { type: 'pause', reason: 'tea' }, { key: 'k', ctl: 1 });
    submit.mockRejectedValueOnce(new MillraceError('invalid_transition', { facts: { from: 'completed' } }));
    send({ type: 'command', id: 2, run: 'r', command: { type: 'pause' } });
    expect((await answered(connection)).at(-1)).toMatchObject({
      id: 2,
      problem: { code: 'invalid_transition', from: 'completed' },
    });
  });

  test('what a token has no scope for is forbidden', async () => {
    const { connection, send } = connect({ scopes: [] });
    send({ type: 'subscribe', id: 1, run: 'r' });
    send({ type: 'list', id: 2, query: {} });
    send({ type: 'command', id: 3, run: 'r', command: { type: 'pause' } });
    const answers = byId(await answered(connection));
    expect(answers).toEqual([error('forbidden', 1), error('forbidden', 2), error('forbidden', 3)]);
  });

  test('[HUB-34] when its token expires a connection is told token_expired and closed with 4401; nothing is served after', async () => {
    const { connection, send } = connect({ expires: writer.clock.now() + 1_000 });
    send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
    await answered(connection);
    writer.clock.advance(1_000);
    expect(connection.of('error')).toEqual([error('token_expired')]);
    expect(connection.closedWith).toBe(4401);
    const frames = connection.frames.length;
    send({ type: 'command', id: 2, run: 'r', command: { type: 'pause' } });
    await writer.logs('r', 1);
    await answered(connection);
    expect(connection.frames).toHaveLength(frames);
    expect(submit).not.toHaveBeenCalled();
  });

  test('[HUB-35] a renewed token keeps connection and subscriptions; one of somebody else is refused', async () => {
    tokens = {
      mine: principal({ expires: writer.clock.now() + 9_000 }),
      bobs: principal({ id: 'bob' }),
      narrow: principal({ only: { run: 'other' } }),
    };
    const { connection, send } = connect({ expires: writer.clock.now() + 1_000 });
    send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
    send({ type: 'token', id: 2, token: 'mine' });
    send({ type: 'token', id: 3, token: 'bobs' });
    send({ type: 'token', id: 4, token: 'made up' });
    await answered(connection);
    expect(connection.frames.slice(1)).toEqual(
      expect.arrayContaining([{ type: 'ok', id: 2 }, error('forbidden', 3), error('unauthorized', 4)]),
    );
    writer.clock.advance(5_000);
    await writer.logs('r', 1);
    await answered(connection);
    expect(connection.closedWith).toBeUndefined();
    expect(connection.of('range')).toMatchObject([{ seq: 2 }]);
    // A narrower token ends what it does not show any more.
    send({ type: 'token', id: 5, token: 'narrow' });
    await answered(connection);
    expect(connection.of('error').at(-1)).toMatchObject({ key: 'r', problem: { code: 'run_not_found' } });
    await writer.logs('r', 1);
    expect(connection.of('range')).toHaveLength(1);
  });

  test('[HUB-35] with a renewed token each subscription is judged again, the lists as well', async () => {
    await writer.create('bobs', { owner: 'bob' });
    tokens = {
      user: principal({ expires: writer.clock.now() + 9_000 }),
      mute: principal({ scopes: ['run:act'] }),
    };
    const { connection, send } = connect({ roles: ['operator'] });
    send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
    send({ type: 'subscribe', id: 2, run: 'bobs', after: '1' });
    send({ type: 'list', id: 3, query: {} });
    await until(() => expect([connection.of('ok').length, connection.of('rows').length]).toEqual([3, 1]));
    send({ type: 'token', id: 4, token: 'user' });
    await until(() => expect(connection.of('rows')).toHaveLength(2));
    expect(connection.of('rows').map(({ rows }) => rows.map(({ id }) => id))).toEqual([['bobs', 'r'], ['r']]);
    expect(connection.of('error')).toMatchObject([{ key: 'bobs', problem: { code: 'run_not_found' } }]);
    send({ type: 'token', id: 5, token: 'mute' });
    await until(() => expect(connection.of('ok').at(-1)).toMatchObject({ id: 5 }));
    expect(connection.of('error').slice(1)).toMatchObject([
      { key: 'r', problem: { code: 'forbidden' } },
      { id: 3, problem: { code: 'forbidden' } },
    ]);
    const frames = connection.frames.length;
    await writer.append('r', [{ type: 'run.started', data: {} }]);
    await answered(connection);
    expect(connection.frames).toHaveLength(frames);
  });

  describe('[HUB-38] a scoped token whose grant has ended', () => {
    const shared: Partial<Principal> = { id: 'g', grant: 'g', roles: [], only: { run: 'r' } };
    const ends: [string, () => Promise<unknown>][] = [
      ['was revoked', () => writer.store.revokeGrant('t', 'g', 1)],
      ['went with its run', () => writer.store.deleteRun({ tenant: 't', run: 'r' })],
    ];

    beforeEach(async () => {
      const about = { access: 'read' as const, hide: [], oneTime: false, expires: 9e15, by: 'user:ada', createdAt: 1 };
      for (const id of ['g', 'h']) await writer.store.putGrant({ tenant: 't', id, run: 'r', ...about });
    });

    test.each(ends)('because it %s loses its connections within a second, and nobody else does', async (_case, end) => {
      const { connection, send } = connect(shared);
      const other = connect();
      for (const one of [send, other.send]) one({ type: 'subscribe', id: 1, run: 'r', after: '1' });
      const stream = new FakeConnection();
      const following = await hub.follow({ principal: principal(shared), run: 'r', after: '1' });
      following.start(stream, nativeEncoding);
      writer.clock.advance(5_000);
      await answered(connection);
      expect([connection.closedWith, stream.closedWith]).toEqual([undefined, undefined]);
      await end();
      writer.clock.advance(1_000);
      await until(() => expect([connection.closedWith, stream.closedWith]).toEqual([4401, 4401]));
      for (const one of [connection, stream])
        expect(one.of('error')).toMatchObject([{ problem: { code: 'unauthorized' } }]);
      expect(other.connection.closedWith).toBeUndefined();
    });

    test('loses them at once where this server is told', async () => {
      const { connection } = connect(shared);
      const other = connect({ ...shared, id: 'h', grant: 'h' });
      hub.revoked('t', 'g');
      hub.revoked('another tenant', 'h');
      expect(connection.closedWith).toBe(4401);
      expect(other.connection.closedWith).toBeUndefined();
    });

    test('is not asked for any more when its last connection has gone', async () => {
      const asked = vi.spyOn(writer.store, 'grant');
      const { session } = connect(shared);
      writer.clock.advance(1_000);
      await until(() => expect(asked).toHaveBeenCalledTimes(1));
      session.closed();
      await answered(new FakeConnection());
      writer.clock.advance(5_000);
      expect(asked).toHaveBeenCalledTimes(1);
    });
  });

  test('[HUB-39] a token that hides classes is told the code of a refused command, and nothing of what was answered', async () => {
    const refusal = new MillraceError('already_answered', { detail: 'By bob.', facts: { by: 'bob', decision: 'no' } });
    const command = { type: 'approve', approvalId: 'w', decision: 'yes' };
    for (const [hide, told] of [
      [['wait'] as const, false],
      [[], true],
    ] as const) {
      const { connection, send } = connect({ hide });
      submit.mockRejectedValueOnce(refusal);
      send({ type: 'command', id: 1, run: 'r', command });
      expect(await answered(connection)).toEqual([error('already_answered', 1)]);
      expect(connection.written.join('').includes('bob')).toBe(told);
    }
  });

  test('after unsubscribe nothing more comes; subscribing again replaces', async () => {
    const { connection, send } = connect();
    send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
    send({ type: 'subscribe', id: 2, run: 'r', after: '1' });
    await answered(connection);
    await writer.logs('r', 1);
    await answered(connection);
    expect(connection.of('range')).toHaveLength(1);
    send({ type: 'unsubscribe', id: 3, run: 'r' });
    await writer.logs('r', 1);
    expect((await answered(connection)).at(-1)).toEqual({ type: 'ok', id: 3, key: 'r' });
  });

  test('[HUB-36] over 1,000 subscriptions are refused with subscription_limit, and those that are there go on', async () => {
    const { connection, session, send } = connect();
    const nodes = (place: number) => ({
      type: 'subscribe',
      id: place,
      run: 'r',
      after: '1',
      filter: { nodes: [`n${place}`] },
    });
    session.receive(JSON.stringify(Array.from({ length: 1_001 }, (_, place) => nodes(place))));
    await until(() => expect(connection.of('ok')).toHaveLength(1_000));
    expect(connection.of('error')).toEqual([error('subscription_limit', 1_000)]);
    send({ type: 'unsubscribe', id: 1_001, run: 'r', filter: { nodes: ['n7'] } });
    send(nodes(2_000));
    await until(() => expect(connection.of('ok')).toHaveLength(1_002));
  });

  test('a message over 1 MB closes the connection with 1009', async () => {
    const { connection, session } = connect();
    session.receive(`"${'x'.repeat(1024 * 1024)}"`);
    await answered(connection);
    expect(connection.of('error')).toEqual([error('payload_too_large')]);
    expect(connection.closedWith).toBe(1009);
  });

  test('who asks on and on without reading the answers is closed with 4408', async () => {
    const { connection, session } = connect();
    connection.stalled = true;
    for (let asked = 0; asked < 50_000 && connection.closedWith === undefined; asked++) session.receive('?');
    await answered(connection);
    expect(connection.closedWith).toBe(4408);
    expect(connection.buffered()).toBeLessThan(2 * 1024 * 1024);
  });

  test('[HUB-37] stopping says bye to every connection and closes it with 1012; later ones are turned away', async () => {
    const { connection, send } = connect();
    send({ type: 'subscribe', id: 1, run: 'r', after: '1' });
    await answered(connection);
    hub.stop('deploy');
    expect(connection.frames.at(-1)).toMatchObject({
      type: 'bye',
      reason: 'deploy',
      problem: { code: 'shutting_down', retry: true },
    });
    expect(connection.closedWith).toBe(1012);
    expect(connect().connection.closedWith).toBe(1012);
    await expect(hub.follow({ principal: principal(), run: 'r' })).rejects.toMatchObject({ code: 'shutting_down' });
  });

  test('[CLU-22] each connection is told how long to stay away, by how many there are', async () => {
    const [one, two] = [connect().connection, connect().connection];
    const asked: number[] = [];
    hub.stop('deploy', (connections) => asked.push(connections) / 2);
    expect(asked).toEqual([2, 2]);
    const told = [one, two].map(({ frames }) => frames.at(-1));
    expect(told).toMatchObject([{ problem: { retryAfter: 0.5 } }, { problem: { retryAfter: 1 } }]);
  });

  test('a connection that is gone holds nothing: the run is not even listened to', async () => {
    const subscribed = vi.spyOn(writer.bus, 'subscribe');
    const { connection, session, send } = connect();
    send({ type: 'subscribe', id: 1, run: 'r' });
    send({ type: 'list', id: 2, query: {} });
    await answered(connection);
    const before = connection.written.length;
    session.closed();
    await writer.logs('r', 1);
    await answered(connection);
    expect(connection.written).toHaveLength(before);
    const other: Session = hub.connect(principal(), connection);
    other.receive('{"type":"subscribe","id":1,"run":"r","after":"1"}');
    expect(subscribed).toHaveBeenCalledTimes(3);
  });
}
