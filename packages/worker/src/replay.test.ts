import type { Journal, StepView } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { findStep, findWait } from './journal.ts';
import { Replay } from './replay.ts';

const done = (name: string, seq: number, output?: string): StepView => ({
  name,
  status: 'completed',
  attempt: 1,
  seq,
  startedAt: 0,
  ...(output === undefined ? {} : { output }),
});
const journal = (steps: Record<string, StepView>): Journal => ({ steps, waits: {}, checkpoints: {} });

describe('a replay', () => {
  test('is over from the beginning where the log holds no result', () => {
    expect(new Replay(journal({})).silent).toBe(false);
    expect(new Replay(journal({ a: { ...done('a', 3), status: 'running' } })).silent).toBe(false);
  });

  test('[WRK-10] gives answers in the order of the log, however they are asked for', async () => {
    const replay = new Replay(journal({ a: done('a', 9), b: done('b', 4), c: done('c', 7) }));
    const order: string[] = [];
    const ask = async (seq: number, name: string) => {
      await replay.answer(seq, name);
      order.push(`${name} ${replay.silent ? 'silent' : 'live'}`);
    };
    await Promise.all([ask(9, 'a'), ask(4, 'b'), ask(7, 'c')]);
    expect(order).toEqual(['b silent', 'c silent', 'a live']);
  });

  test('a race between two steps ends as it did', async () => {
    const replay = new Replay(journal({ slow: done('slow', 8), fast: done('fast', 5) }));
    expect(await Promise.race([replay.answer(8, 'slow'), replay.answer(5, 'fast')])).toBe('fast');
  });

  test('[WRK-50] is silent where the log holds a later result, also when something new has ended in between', async () => {
    const replay = new Replay(journal({ a: done('a', 5), c: done('c', 9) }));
    const silent: boolean[] = [replay.silent];
    for (const seq of [5, 20, 9]) {
      await replay.answer(seq, null);
      silent.push(replay.silent);
    }
    expect(silent).toEqual([true, true, false, false]);
  });

  test('[WRK-51] a result that takes long to fetch holds up the later ones', async () => {
    const replay = new Replay(journal({ large: done('large', 4), small: done('small', 5) }));
    const large = Promise.withResolvers<string>();
    const order: string[] = [];
    const first = replay.answer(4, large.promise).then((name) => order.push(name));
    const second = replay.answer(5, 'small').then((name) => order.push(name));
    setImmediate(() => setImmediate(() => large.resolve('large')));
    await Promise.all([first, second]);
    expect(order).toEqual(['large', 'small']);
  });

  test('a checkpoint is a place on the way', async () => {
    const replay = new Replay({ ...journal({}), checkpoints: { at: { seq: 4, state: 1 } } });
    expect([replay.silent, replay.awaits(4), replay.awaits(3)]).toEqual([true, true, false]);
    await replay.answer(4, undefined);
    expect([replay.silent, replay.awaits(4)]).toEqual([false, false]);
  });

  test('refuses the same call twice', () => {
    const replay = new Replay(journal({}));
    replay.call('a');
    replay.call('a/1');
    expect(() => replay.call('a')).toThrow(expect.objectContaining({ code: 'step_name_reused' }));
  });
});

describe('a journal', () => {
  const held: Journal = {
    steps: { pay: done('pay', 4, 'paid'), ship: { ...done('ship', 5), status: 'failed' } },
    waits: {
      'n:release': {
        id: 'n:release',
        kind: 'approval',
        node: 'n',
        status: 'open',
        seq: 6,
        requestedAt: 0,
        approval: { title: 'Release?' },
      },
    },
    checkpoints: {},
  };

  test('answers what has finished, and lets run what has not', () => {
    expect(findStep(held, 'n', 'pay')).toEqual({ seq: 4, value: 'paid' });
    expect(findStep(held, 'n', 'ship')).toBeUndefined();
    expect(findStep(held, 'n', 'new')).toBeUndefined();
    expect(findWait(held, 'approval', 'n', 'release')?.status).toBe('open');
  });

  test('refuses a call of another kind than the log holds', () => {
    const mismatch = expect.objectContaining({ code: 'journal_mismatch' });
    expect(() => findStep(held, 'n', 'release')).toThrow(mismatch);
    expect(() => findWait(held, 'approval', 'n', 'pay')).toThrow(mismatch);
    expect(() => findWait(held, 'sleep', 'n', 'release')).toThrow(mismatch);
  });
});
