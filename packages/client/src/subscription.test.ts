import type { RunEvent } from '@millrace/protocol/event';
import type { EventRange } from '@millrace/protocol/frame';
import { emptyView } from '@millrace/protocol/view';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sampleEvent } from './fake-server.suite.ts';
import {
  accept,
  afterOf,
  attached,
  continuityOf,
  detached,
  follow,
  isBehind,
  type Position,
  start,
} from './subscription.ts';

const events = (seq: number, through: number): RunEvent[] =>
  Array.from({ length: through - seq + 1 }, (_, n) => sampleEvent(seq + n));
const range = (seq: number, through: number, some = events(seq, through)): EventRange => ({
  run: 'r',
  seq,
  through,
  events: some,
});
const frame = (seq: number, through: number) => ({ type: 'range' as const, key: 'r', ...range(seq, through) });
const snapshot = (seq: number) => ({
  type: 'snapshot' as const,
  key: 'r',
  run: 'r',
  seq,
  view: { ...emptyView('r'), seq },
});
const at = (seq: number, epoch = 'e1'): Position => ({ ...start, cursor: { epoch, seq }, head: seq });
const seqs = (list: RunEvent[] | undefined) => list?.map(({ seq }) => seq);

describe('[CLT-4] accept iff seq ≤ cursor+1 ≤ through', () => {
  test.each([
    [5, range(6, 8), 'accept', [6, 7, 8]],
    [5, range(4, 7), 'accept', [6, 7]],
    [5, range(6, 6, []), 'accept', []],
    [5, range(1, 5), 'repeat', undefined],
    [5, range(6, 5, []), 'repeat', undefined],
    [5, range(7, 9), 'gap', undefined],
    [0, range(1, 1), 'accept', [1]],
    [0, range(2, 2), 'gap', undefined],
  ])('cursor %i', (cursor, given, kind, seen) => {
    const verdict = accept(cursor, given);
    expect(verdict.kind).toBe(kind);
    if (verdict.kind === 'accept') {
      expect(seqs(verdict.events)).toEqual(seen);
      expect(verdict.cursor).toBe(given.through);
    }
  });

  test('[CLT-5] ranges in any order, cut anywhere, repeated or lost: what is accepted is the log without a hole', () => {
    const piece = fc.record({ seq: fc.integer({ min: 1, max: 40 }), length: fc.integer({ min: 0, max: 12 }) });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        let cursor = 0;
        const seen: number[] = [];
        for (const { seq, length } of pieces) {
          const verdict = accept(cursor, range(seq, seq + length - 1));
          if (verdict.kind !== 'accept') continue;
          seen.push(...verdict.events.map((event) => event.seq));
          cursor = verdict.cursor;
        }
        expect(seen).toEqual(Array.from({ length: cursor }, (_, n) => n + 1));
      }),
    );
  });
});

describe('a subscription', () => {
  test('without a cursor begins with a snapshot, and is complete', () => {
    expect(afterOf(start)).toBeUndefined();
    expect(follow(start, frame(1, 3), 'e1')).toEqual({ position: start });
    const { position, view } = follow(start, snapshot(3), 'e1');
    expect(view?.seq).toBe(3);
    expect(afterOf(position)).toBe('e1:3');
    expect(continuityOf(position)).toBe('complete');
  });

  test('is behind until it has what the server had when it answered', () => {
    const asked = detached(at(5));
    expect(isBehind(asked)).toBe(true);
    const answered = attached(asked, 8);
    expect(isBehind(answered)).toBe(true);
    expect(isBehind(follow(answered, frame(6, 8), 'e1').position)).toBe(false);
  });

  test('[CLT-6] a hole is asked for once, shows as gap, and is complete again when it is filled', () => {
    const first = follow(at(5), frame(8, 9), 'e1');
    expect(first.resubscribe).toBe(true);
    expect(continuityOf(first.position)).toBe('gap');
    expect(follow(first.position, frame(10, 10), 'e1').resubscribe).toBeUndefined();
    const filled = follow(attached(first.position, 10), frame(6, 10), 'e1');
    expect(seqs(filled.events)).toEqual([6, 7, 8, 9, 10]);
    expect(continuityOf(filled.position)).toBe('complete');
  });

  test('[CLT-7] a cursor that cannot be served shows as gap until the snapshot, then as repaired for good', () => {
    const gap = follow(at(50), { type: 'gap', key: 'r', run: 'r', requested: 'e1:50', earliest: 1, latest: 20 }, 'e1');
    expect(continuityOf(gap.position)).toBe('gap');
    const repaired = follow(gap.position, snapshot(20), 'e1');
    expect(repaired.view?.seq).toBe(20);
    expect(continuityOf(repaired.position)).toBe('repaired');
    expect(continuityOf(follow(repaired.position, frame(21, 22), 'e1').position)).toBe('repaired');
  });

  test('[CLT-8] events of another epoch are never folded onto this one: only a snapshot leads over', () => {
    expect(follow(at(5), frame(6, 7), 'e2')).toEqual({ position: at(5) });
    const moved = follow(at(5), snapshot(2), 'e2').position;
    expect(afterOf(moved)).toBe('e2:2');
    expect(continuityOf(moved)).toBe('repaired');
  });

  test('a snapshot that is older than what is there is a repeat', () => {
    expect(follow(at(5), snapshot(4), 'e1')).toEqual({ position: at(5) });
  });
});
