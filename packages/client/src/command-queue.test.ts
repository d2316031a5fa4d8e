import { expect, test } from 'vitest';
import {
  type CommandQueue,
  expired,
  find,
  type Given,
  give,
  hold,
  isSame,
  keep,
  nextExpiry,
  QUEUE_LIMIT,
  remove,
  send,
  taken,
} from './command-queue.ts';

const pause: Given = { run: 'r', key: 'k', command: { type: 'pause' }, ctl: 3 };
const approve: Given = {
  run: 'r',
  key: 'a',
  command: { type: 'approve', approvalId: 'w', decision: 'approved' },
  ctl: undefined,
};
const entry = (queue: CommandQueue, key: string) => find(queue, 'r', key)!;
const queued = (given: Given, at: number) => {
  const queue = give([], given, at);
  return hold(queue, entry(queue, given.key));
};

test('[CLT-64] a command that cannot be delivered expires 60 s after it was given, an answer to a wait never', () => {
  const queue = queued(pause, 1_000);
  expect(entry(queue, 'k')).toMatchObject({ state: 'queued', expiresAt: 1_000 + QUEUE_LIMIT });
  expect(nextExpiry(queue)).toBe(61_000);
  expect(expired(queue, 60_999)).toEqual([]);
  expect(expired(queue, 61_000)).toEqual([entry(queue, 'k')]);
  expect(nextExpiry(queued(approve, 1_000))).toBe(Number.POSITIVE_INFINITY);
  expect(expired(queued(approve, 0), 10 ** 12)).toEqual([]);
});

test('[CLT-64] a confirmed command does not expire, also when it was tried again in vain', () => {
  let queue = queued(pause, 0);
  queue = keep(queue, entry(queue, 'k'));
  queue = send(queue, entry(queue, 'k'));
  queue = hold(queue, entry(queue, 'k'));
  expect(expired(queue, 10 ** 12)).toEqual([]);
});

test('what is under way does not expire', () => {
  let queue = queued(pause, 0);
  queue = send(queue, entry(queue, 'k'));
  expect([entry(queue, 'k').state, nextExpiry(queue)]).toEqual(['sending', Number.POSITIVE_INFINITY]);
});

test('[CLT-67] whoever queued two commands has seen what the first one wrote when the second goes out', () => {
  let queue = give(queued(pause, 0), { ...pause, key: 'k2', command: { type: 'resume' } }, 1);
  queue = hold(queue, entry(queue, 'k2'));
  queue = taken(queue, entry(queue, 'k'), 9);
  expect(entry(queue, 'k')).toMatchObject({ state: 'sent', seq: 9 });
  expect(entry(queue, 'k2').ctl).toBe(9);
});

test('a queue never changes; a key belongs to its run', () => {
  const before = queued(pause, 0);
  const copy = structuredClone(before);
  const other = give(before, { ...pause, run: 'other' }, 5);
  expect(remove(other, entry(other, 'k')).map(({ run }) => run)).toEqual(['other']);
  expect(before).toEqual(copy);
});

test('[CLT-66] the same command is told from another, however its fields stand', () => {
  expect(isSame({ type: 'pause', reason: 'x' }, { reason: 'x', type: 'pause' })).toBe(true);
  expect(isSame({ type: 'pause' }, { type: 'cancel' })).toBe(false);
  expect(isSame({ type: 'pause' }, { type: 'pause', reason: 'x' })).toBe(false);
});
