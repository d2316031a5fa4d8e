import { toProblem } from '@millrace/protocol/error';
import type { RunEvent } from '@millrace/protocol/event';
import { describe, expect, test } from 'vitest';
import { setup, watch } from './client-setup.suite.ts';
import { type FakeServer, settle } from './fake-server.suite.ts';

async function following(count = 4) {
  const all = setup();
  all.server.append('r', count);
  const { store } = watch(all.client, 'r');
  await settle();
  const shown = () => store.getSnapshot().pending.map(({ command, state }) => `${command.type} ${state}`);
  const sent = () => all.server.socket.received.filter((frame) => frame.type === 'command');
  return { ...all, store, shown, sent };
}

/** The next event of the log, as the server would write it. */
function write(server: FakeServer, event: Pick<RunEvent, 'type' | 'data'>): number {
  const log = server.log('r');
  const seq = log.length + 1;
  const written = { ...event, seq, at: 1_800_000_000_000 + seq } as RunEvent;
  log.push(written);
  server.socket.send({ type: 'range', key: 'r', run: 'r', seq, through: seq, events: [written] });
  return seq;
}

describe('[CLT-62] a command', () => {
  test('is pending in the snapshot at once, and until the view shows its event; the view itself is the log’s', async () => {
    const { server, store, shown } = await following();
    server.onCommand = ({ id }) => ({ type: 'ok', id, head: 5 });
    const before = store.getSnapshot();
    const end = store.command({ type: 'pause' });
    expect(shown()).toEqual(['pause sending']);
    expect(store.getSnapshot().view).toBe(before.view);
    await end;
    expect(shown()).toEqual(['pause sent']);
    write(server, { type: 'run.paused', data: {} });
    expect(shown()).toEqual([]);
    expect(store.getSnapshot().view?.control.status).toBe('paused');
  });

  test('is not shown where its event came before its answer', async () => {
    const { server, store, shown } = await following();
    server.onCommand = ({ id }) => {
      write(server, { type: 'run.paused', data: {} });
      return { type: 'ok', id, head: 5 };
    };
    await store.command({ type: 'pause' });
    expect(shown()).toEqual([]);
  });

  test('of another run is no news of this one', async () => {
    const { server, client, store } = await following();
    server.append('other', 1);
    const before = store.getSnapshot();
    client
      .run('other')
      .command({ type: 'pause' })
      .catch(() => {});
    await settle();
    expect(store.getSnapshot()).toBe(before);
    expect(client.commands.getSnapshot()).toHaveLength(1);
  });
});

test('[CLT-63] a refused command is rolled back with the reason, which stays until the next one is given', async () => {
  const { server, store, shown } = await following();
  const problem = toProblem({ code: 'outdated', detail: 'The run became paused at 9.' });
  server.onCommand = ({ id }) => ({ type: 'error', id, problem });
  await expect(store.command({ type: 'cancel' })).rejects.toMatchObject({ code: 'outdated' });
  expect(shown()).toEqual([]);
  expect(store.getSnapshot().refused).toMatchObject({
    command: { type: 'cancel' },
    error: { detail: 'The run became paused at 9.' },
  });
  store.command({ type: 'pause' }).catch(() => {});
  expect(store.getSnapshot().refused).toBeUndefined();
});

describe('[CLT-67] the ctl that its giver saw', () => {
  test('goes out with pause, resume and cancel, and not with an answer', async () => {
    const { server, store, sent } = await following();
    server.onCommand = ({ id }) => ({ type: 'ok', id });
    for (const type of ['pause', 'resume', 'cancel'] as const) await store.command({ type }, type);
    await store.approve('w', 'approved');
    expect(store.getSnapshot().view?.control.ctl).toBe(2);
    expect(sent().map((frame) => frame.ctl)).toEqual([2, 2, 2, undefined]);
  });

  test('is raised by the giver’s own commands, whose events may still be on their way', async () => {
    const { server, store, sent } = await following();
    server.onCommand = ({ id }) => ({ type: 'ok', id, head: 8 });
    await store.command({ type: 'pause' }, 'a');
    await store.command({ type: 'resume' }, 'b');
    expect(sent().map((frame) => frame.ctl)).toEqual([2, 8]);
  });

  test('is left out where the view is filtered, or nobody has looked', async () => {
    const { client, sent } = await following();
    const part = client.run('r', { filter: { types: ['log'] } });
    part.subscribe(() => {});
    await settle();
    part.command({ type: 'pause' }).catch(() => {});
    client
      .run('unseen')
      .command({ type: 'cancel' })
      .catch(() => {});
    await settle();
    expect(sent().map((frame) => frame.ctl)).toEqual([undefined, undefined]);
  });
});

describe('[CLT-65] given while the connection is away', () => {
  test('a command waits and goes out with its key when the connection is back; the run’s page shows it all along', async () => {
    const { server, clock, store, shown, sent, network } = await following();
    network(false);
    server.up = false;
    const end = store.command({ type: 'pause' });
    await settle();
    expect(shown()).toEqual(['pause queued']);
    expect(store.getSnapshot().pending[0]).toMatchObject({ expiresAt: clock.now() + 60_000 });
    const key = store.getSnapshot().pending[0]?.key;
    server.up = true;
    server.onCommand = ({ id }) => ({ type: 'ok', id, head: 5 });
    network(true);
    await settle();
    expect(await end).toEqual({ seq: 5 });
    expect(sent()).toMatchObject([{ key, command: { type: 'pause' }, ctl: 2 }]);
  });

  test('one whose answer was lost in the cut is sent again under the same key, so that it happens once', async () => {
    const { server, clock, store, sent } = await following();
    server.onCommand = () => {
      queueMicrotask(() => {
        server.up = false;
        server.socket.cut();
      });
      return undefined;
    };
    const end = store.command({ type: 'cancel' });
    await settle();
    const first = sent()[0]?.key;
    server.up = true;
    server.onCommand = ({ id }) => ({ type: 'ok', id, head: 5 });
    clock.advance(30_000);
    await settle();
    expect(await end).toEqual({ seq: 5 });
    expect(sent().map(({ key }) => key)).toEqual([first]);
  });

  test('[CLT-64] it expires and is rolled back with the reason', async () => {
    const { server, clock, store, shown, network } = await following();
    network(false);
    server.up = false;
    const end = store.command({ type: 'cancel' });
    await settle();
    clock.advance(60_000);
    await expect(end).rejects.toMatchObject({ code: 'command_dropped' });
    expect(shown()).toEqual([]);
    expect(store.getSnapshot().refused?.error.detail).toBe(
      'It waited 60 s for the connection, and was let go before the server answered.',
    );
  });
});

test('[CLT-64] a command that was taken back is gone, and is no refusal', async () => {
  const { server, client, store, shown, network } = await following();
  network(false);
  server.up = false;
  const end = store.command({ type: 'cancel' });
  await settle();
  client.commands.takeBack(store.getSnapshot().pending[0]!);
  await expect(end).rejects.toMatchObject({ code: 'command_dropped', facts: { takenBack: true } });
  expect([shown(), store.getSnapshot().refused]).toEqual([[], undefined]);
});

test('[CLT-66] a key that the server knows with another body is refused by it, and that is told', async () => {
  const { server, store } = await following();
  const problem = toProblem({ code: 'idempotency_conflict' });
  server.onCommand = ({ id }) => ({ type: 'error', id, problem });
  await expect(store.command({ type: 'pause' }, 'mine')).rejects.toMatchObject({
    code: 'idempotency_conflict',
    row: { http: 409 },
  });
  expect(store.getSnapshot().refused?.error.code).toBe('idempotency_conflict');
});
