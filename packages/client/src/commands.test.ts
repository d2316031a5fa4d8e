import { MillraceError } from '@millrace/protocol/error-code';
import { describe, expect, test } from 'vitest';
import type { CommandAnswer } from './api.ts';
import { CommandDelivery } from './command-delivery.ts';
import type { Given, PendingCommand } from './command-queue.ts';

import { settle } from './fake-server.suite.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';
import { Listeners } from './store.ts';

/** Commands over a connection that the test takes away and brings back. */
function setup() {
  const clock = new SimulatedClock();
  const listeners = new Listeners();
  const sent: PendingCommand[] = [];
  const state = { connection: 'up' as 'up' | 'down' | 'off', answers: true, seq: 0 };
  const commands = new CommandDelivery(
    {
      clock,
      connection: () => state.connection,
      async deliver(command): Promise<CommandAnswer> {
        sent.push(command);
        if (!state.answers) return new Promise(() => {});
        if (state.connection !== 'up') throw new MillraceError('unreachable');
        if (command.command.type === 'resume') throw new MillraceError('outdated', { detail: 'It moved on.' });
        state.seq += 1;
        return { seq: state.seq };
      },
    },
    listeners,
  );
  const shown = () => commands.getSnapshot().map(({ key, state: word }) => `${key} ${word}`);
  const back = async () => {
    state.connection = 'up';
    commands.resend();
    await settle();
  };
  return { clock, commands, listeners, sent, state, shown, back };
}

const given = (key: string, type: 'pause' | 'resume' | 'cancel', run = 'r'): Given => ({
  ...{ run, key, ctl: 1 },
  command: { type },
});
const answer = (key: string): Given => ({
  ...{ run: 'r', key, ctl: undefined },
  command: { type: 'provide', inputId: 'i', value: 1 },
});
/** What became of it: its seq, or the code of its error. */
const outcome = (promise: Promise<CommandAnswer>) =>
  promise.then(
    ({ seq }) => seq,
    (error: unknown) => (error as MillraceError).code,
  );

describe('[CLT-65] a command that nobody could be sent', () => {
  test('waits, and is sent with the same key when the connection is back, of each run in the order in which it was given', async () => {
    const { commands, sent, state, shown, back } = setup();
    state.connection = 'down';
    const ends = [given('a', 'pause'), given('b', 'cancel'), given('c', 'pause', 'other')].map((one) =>
      outcome(commands.give(one)),
    );
    await settle();
    expect(shown()).toEqual(['a queued', 'b queued', 'c queued']);
    sent.length = 0;
    await back();
    expect(await Promise.all(ends)).toEqual([1, 3, 2]);
    expect(sent.map(({ run, key }) => `${run} ${key}`)).toEqual(['r a', 'other c', 'r b']);
    expect(shown()).toEqual([]);
  });

  test('is sent once, however often the connection comes back meanwhile', async () => {
    const { commands, sent, state, back } = setup();
    state.connection = 'down';
    const end = outcome(commands.give(given('a', 'pause')));
    await settle();
    sent.length = 0;
    state.connection = 'up';
    for (let n = 0; n < 5; n++) commands.resend();
    await back();
    expect([await end, sent.length]).toEqual([1, 1]);
  });

  test('is refused at once where nobody knows whether there will ever be a connection', async () => {
    const { commands, state, shown } = setup();
    state.connection = 'off';
    expect(await outcome(commands.give(given('a', 'pause')))).toBe('unreachable');
    expect(shown()).toEqual([]);
  });

  test('is tried again where the connection is up and no answer comes through', async () => {
    const { clock, commands, sent, state, shown } = setup();
    state.answers = false;
    const end = outcome(commands.give(given('a', 'pause')));
    clock.advance(29_999);
    await settle();
    expect(shown()).toEqual(['a sending']);
    clock.advance(1);
    await settle();
    expect(shown()).toEqual(['a queued']);
    state.answers = true;
    clock.advance(1_000);
    await settle();
    expect([await end, sent.map(({ key }) => key)]).toEqual([1, ['a', 'a']]);
  });
});

describe('[CLT-64] a queued command', () => {
  test('is let go after 60 s, and is not sent any more', async () => {
    const { clock, commands, sent, state, shown, back } = setup();
    state.connection = 'down';
    const end = outcome(commands.give(given('a', 'cancel')));
    await settle();
    clock.advance(59_999);
    expect(shown()).toEqual(['a queued']);
    clock.advance(1);
    expect([await end, shown()]).toEqual(['command_dropped', []]);
    sent.length = 0;
    await back();
    expect(sent).toEqual([]);
  });

  test('is sent an hour later where it was confirmed, or answers a wait', async () => {
    const { clock, commands, state, back } = setup();
    state.connection = 'down';
    const ends = [outcome(commands.give(given('a', 'cancel'))), outcome(commands.give(answer('b')))];
    await settle();
    commands.confirm(commands.getSnapshot()[0]!);
    clock.advance(3_600_000);
    await back();
    expect(await Promise.all(ends)).toEqual([1, 2]);
  });

  test('can be taken back; one that is under way cannot', async () => {
    const { commands, state, shown } = setup();
    state.answers = false;
    commands.give(given('a', 'pause')).catch(() => {});
    commands.takeBack(commands.getSnapshot()[0]!);
    expect(shown()).toEqual(['a sending']);
    state.answers = true;
    state.connection = 'down';
    const end = outcome(commands.give(answer('b')));
    await settle();
    commands.takeBack(commands.getSnapshot()[1]!);
    expect([await end, shown()]).toEqual(['command_dropped', ['a sending']]);
  });
});

describe('[CLT-66] a key', () => {
  test('that is given twice with the same command is one command', async () => {
    const { commands, sent } = setup();
    const ends = [given('a', 'pause'), given('a', 'pause')].map((one) => outcome(commands.give(one)));
    expect(await Promise.all(ends)).toEqual([1, 1]);
    expect(sent).toHaveLength(1);
  });

  test('that is given another command is refused, and the first command stands', async () => {
    const { commands, sent } = setup();
    const first = outcome(commands.give(given('a', 'pause')));
    expect(await outcome(commands.give(given('a', 'cancel')))).toBe('idempotency_conflict');
    expect([await first, sent.map(({ command }) => command.type)]).toEqual([1, ['pause']]);
  });
});

test('[CLT-63] a refused command is gone from the queue at once, with the reason', async () => {
  const { commands, shown } = setup();
  const end = commands.give(given('a', 'resume'));
  expect(shown()).toEqual(['a sending']);
  await expect(end).rejects.toMatchObject({ code: 'outdated', detail: 'It moved on.' });
  expect(shown()).toEqual([]);
});

test('[CLT-62] a taken command is shown until a view tells of its event, or for 10 s', async () => {
  const { clock, commands, listeners, shown } = setup();
  listeners.add(() => {});
  await Promise.all([commands.give(given('a', 'pause')), commands.give(given('b', 'pause'))]);
  expect(shown()).toEqual(['a sent', 'b sent']);
  commands.shown(commands.getSnapshot()[0]!);
  expect(shown()).toEqual(['b sent']);
  clock.advance(10_000);
  expect(shown()).toEqual([]);
  expect(clock.waiting).toBe(0);
});
