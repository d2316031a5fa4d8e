import type { AttemptAnswer, NewEvent, WaitView } from '@millrace/protocol';
import { MillraceError } from '@millrace/protocol';
import { describe, expect, test, vi } from 'vitest';
import { Appender } from './appender.ts';
import { SimulatedClock } from './clock.ts';

const line = (message: string): NewEvent => ({ type: 'log', node: 'n', attempt: 1, data: { level: 'info', message } });
const wait = (id: string): WaitView => ({ id, kind: 'sleep', node: 'n', status: 'answered', seq: 1, requestedAt: 0 });
const lease = { run: 'r', node: 'n', attempt: 1 };

function rig(answer: (sequence: number, events: NewEvent[]) => Promise<AttemptAnswer>) {
  const clock = new SimulatedClock();
  const append = vi.fn((_lease: unknown, sequence: number, events: NewEvent[]) => answer(sequence, events));
  const onLost = vi.fn();
  const ended = vi.fn();
  const appender = new Appender({ append }, lease, { clock, random: () => 1 }, { lost: onLost, ended });
  const sent = () => append.mock.calls.map(([, sequence, events]) => [sequence, events.map(messageOf)]);
  return { clock, append, appender, onLost, ended, sent };
}

const messageOf = (event: NewEvent) => (event.type === 'log' ? event.data.message : event.type);
const accept = () => Promise.resolve({ seq: 1 });

describe('an appender', () => {
  test('[WRK-11] sends what a turn tells as one append, in order, with the next sequence', async () => {
    const { appender, sent } = rig(accept);
    await Promise.all([appender.push([line('a')]), appender.push([line('b'), line('c')])]);
    await appender.push([line('d')]);
    expect(sent()).toEqual([
      [1, ['a', 'b', 'c']],
      [2, ['d']],
    ]);
  });

  test('has one append in flight; what comes meanwhile is the next', async () => {
    const first = Promise.withResolvers<AttemptAnswer>();
    const { appender, append, sent } = rig((sequence) => (sequence === 1 ? first.promise : accept()));
    void appender.push([line('a')]);
    await vi.waitFor(() => expect(append).toHaveBeenCalledTimes(1));
    void appender.push([line('b')]);
    const last = appender.push([line('c')]);
    first.resolve({ seq: 1 });
    await last;
    expect(sent()).toEqual([
      [1, ['a']],
      [2, ['b', 'c']],
    ]);
  });

  test('[WRK-12] repeats an unanswered append with the same sequence and body until it is answered', async () => {
    let failures = 2;
    const { appender, append, clock, sent } = rig(() =>
      failures-- > 0 ? Promise.reject(new TypeError('fetch failed')) : accept(),
    );
    const acked = appender.push([line('a')]);
    await vi.waitFor(() => expect(clock.waiting).toBe(1));
    void appender.push([line('b')]);
    clock.advance(10_000);
    await vi.waitFor(() => expect(append).toHaveBeenCalledTimes(2));
    await vi.waitFor(() => expect(clock.waiting).toBe(1));
    clock.advance(10_000);
    await acked;
    expect(sent().slice(0, 3)).toEqual([
      [1, ['a']],
      [1, ['a']],
      [1, ['a']],
    ]);
    await vi.waitFor(() => expect(sent().at(-1)).toEqual([2, ['b']]));
  });

  test('[WRK-13] a refusal hits only the events that caused it', async () => {
    const { appender, sent } = rig((_sequence, events) =>
      events.some((event) => messageOf(event) === 'bad')
        ? Promise.reject(new MillraceError('event_invalid'))
        : accept(),
    );
    const answers = await Promise.allSettled(['a', 'bad', 'c'].map((message) => appender.push([line(message)])));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(sent()).toEqual([
      [1, ['a', 'bad', 'c']],
      [1, ['a']],
      [2, ['bad']],
      [2, ['c']],
    ]);
  });

  test('stops for good when its attempt is stale', async () => {
    const { appender, append, onLost } = rig(() => Promise.reject(new MillraceError('stale_attempt')));
    const settled = vi.fn();
    appender.push([line('a')]).then(settled, settled);
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledWith(expect.objectContaining({ code: 'stale_attempt' })));
    appender.push([line('b')]).then(settled, settled);
    await new Promise((resolve) => setImmediate(resolve));
    expect(append).toHaveBeenCalledTimes(1);
    expect(settled).not.toHaveBeenCalled();
  });

  test('sends nothing after the events that end the attempt', async () => {
    const { appender, sent } = rig(accept);
    void appender.push([line('before')]);
    const end = appender.push([line('end')], { ends: true });
    void appender.push([line('after')]);
    await end;
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent()).toEqual([[1, ['before', 'end']]]);
  });

  test('gives up repeating when it is closed', async () => {
    const { appender, append, clock } = rig(() => Promise.reject(new TypeError('fetch failed')));
    void appender.push([line('a')]);
    await vi.waitFor(() => expect(clock.waiting).toBe(1));
    appender.close();
    await vi.waitFor(() => expect(clock.waiting).toBe(0));
    expect(append).toHaveBeenCalledTimes(1);
  });

  test('[WRK-61] tells of ended waits in the order of the log: what an answer names before its events, what is heard meanwhile after', async () => {
    const first = Promise.withResolvers<AttemptAnswer>();
    const { appender, append, ended } = rig(() => first.promise);
    const order: string[] = [];
    ended.mockImplementation(({ id }: WaitView) => order.push(id));
    const pushed = appender.push([line('a')]).then((seq) => order.push(`a at ${seq}`));
    await vi.waitFor(() => expect(append).toHaveBeenCalledTimes(1));
    appender.hear([wait('heard')]);
    expect(order).toEqual([]);
    first.resolve({ seq: 9, ended: [wait('named')] });
    await pushed;
    await vi.waitFor(() => expect(order).toEqual(['named', 'a at 9', 'heard']));
    await new Promise((resolve) => setImmediate(resolve));
    appender.hear([wait('idle')]);
    expect(order.at(-1)).toBe('idle');
  });

  test('makes streams hold on while too much waits', async () => {
    const first = Promise.withResolvers<AttemptAnswer>();
    const { appender } = rig(() => first.promise);
    for (let n = 0; n < 60; n += 1) void appender.push([line('x'.repeat(20_000))]);
    const free = vi.fn();
    const room = appender.room().then(free);
    await new Promise((resolve) => setImmediate(resolve));
    expect(free).not.toHaveBeenCalled();
    first.resolve({ seq: 1 });
    await room;
  });
});
