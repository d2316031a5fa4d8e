import type { EventPage } from '@millrace/protocol/frame';
import { describe, expect, test } from 'vitest';
import { seqs, setup, upTo, watch } from './client-setup.suite.ts';
import { EventWindow } from './event-window.ts';
import { sampleEvent, settle } from './fake-server.suite.ts';
import { History } from './history.ts';

/** A log of `head` events whose pages hold at most `most`. */
function logOf(head: number, most = 10_000) {
  const log = { head, most, asked: [] as string[], fails: false };
  const history = new History('e1', async (after, limit): Promise<EventPage> => {
    log.asked.push(after);
    if (log.fails) throw new Error('cut');
    const from = Number(after.split(':')[1]) + 1;
    const through = Math.min(log.head, from + Math.min(limit, log.most) - 1);
    const events = upTo(from, through).map(sampleEvent);
    return { run: 'r', seq: from, through, events, next: `e1:${through}`, head: log.head, done: false };
  });
  return { log, history };
}

describe('[CLT-68] history reads any stretch of a log', () => {
  test('each event once and in order, whatever the pages hold', async () => {
    const { history } = logOf(5_000, 300);
    for (const [from, through] of [
      [1, 10],
      [990, 2_010],
      [4_990, 9_000],
      [-5, 3],
    ] as const)
      expect(seqs(await history.range(from, through))).toEqual(upTo(Math.max(1, from), Math.min(5_000, through)));
    expect(await history.range(6_000, 7_000)).toEqual([]);
  });

  test('in pieces that are read once, and remembered up to a bound', async () => {
    const { log, history } = logOf(200_000);
    await Promise.all([history.range(1, 500), history.range(400, 900)]);
    await history.range(1, 1_000);
    expect(log.asked).toEqual(['e1:0']);
    await history.range(1, 100_000);
    log.asked.length = 0;
    await history.range(60_000, 100_000);
    expect(log.asked).toEqual([]);
    await history.range(1, 1_000);
    expect(log.asked, 'the pieces used longest ago were let go').toEqual(['e1:0']);
  });

  test('what the log has not filled yet, or could not be read, is asked for again', async () => {
    const { log, history } = logOf(10);
    expect(seqs(await history.range(1, 100))).toEqual(upTo(1, 10));
    log.head = 20;
    expect(seqs(await history.range(1, 100))).toEqual(upTo(1, 20));
    log.fails = true;
    await expect(history.range(1_001, 1_010)).rejects.toThrow('cut');
    log.fails = false;
    log.head = 1_005;
    expect(seqs(await history.range(1_001, 1_010))).toEqual(upTo(1_001, 1_005));
  });
});

describe('[CLT-68] a window of events', () => {
  test('grows at both ends, without a gap or a double, while events arrive', async () => {
    const { server, client } = setup();
    server.append('r', 3_000);
    const { store } = watch(client, 'r');
    await settle();
    const window = new EventWindow(store, 1_000);
    window.subscribe(() => {});
    server.append('r', 5);
    expect(window.getSnapshot()).toMatchObject({ from: 3_001, through: 3_005 });
    const earlier = window.earlier(700);
    server.append('r', 5);
    expect(await earlier).toBe(true);
    await window.earlier(700);
    expect(seqs(window.getSnapshot().events)).toEqual(upTo(1_601, 3_010));
    while (await window.earlier()) expect(window.getSnapshot().from).toBeGreaterThan(0);
    server.append('r', 1);
    expect(seqs(window.getSnapshot().events)).toEqual(upTo(1, 3_011));
  });

  test('is bounded: the oldest leave at its end, and `from` says where it begins', async () => {
    const { server, client } = setup();
    server.append('r', 1);
    const { store } = watch(client, 'r');
    await settle();
    const window = new EventWindow(store, 10);
    window.subscribe(() => {});
    server.append('r', 25);
    expect(seqs(window.getSnapshot().events)).toEqual(upTo(17, 26));
    expect(window.getSnapshot()).toMatchObject({ from: 17, through: 26, continuity: 'complete' });
  });

  test('begins anew where events went by unseen', async () => {
    const { server, client } = setup();
    server.append('r', 1);
    const { store } = watch(client, 'r');
    await settle();
    const window = new EventWindow(store, 100);
    const leave = window.subscribe(() => {});
    server.append('r', 2);
    leave();
    server.append('r', 2);
    window.subscribe(() => {});
    server.append('r', 2);
    expect(seqs(window.getSnapshot().events)).toEqual([6, 7]);
    expect(window.getSnapshot().from).toBe(6);
  });

  test('shows of a filtered run what the filter shows, earlier events too', async () => {
    const { server, client } = setup();
    server.append('r', 20);
    const store = client.run('r', { filter: { types: ['log'] } });
    const window = new EventWindow(store, 100);
    window.subscribe(() => {});
    await settle();
    server.append('r', 10);
    await window.earlier();
    expect(seqs(window.getSnapshot().events)).toEqual([1, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
    expect(window.getSnapshot()).toMatchObject({ from: 1, through: 30 });
  });
});
