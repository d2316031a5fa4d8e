import { describe, expect, test } from 'vitest';
import { formatCursor } from './cursor.ts';
import { parseCursor } from './cursor-text.ts';

describe('[PRO-7] a cursor', () => {
  test.each([
    ['e1', 0],
    ['20261121-a_B', 7],
    ['x'.repeat(64), Number.MAX_SAFE_INTEGER],
  ])('comes back from its text: %s, %i', (epoch, seq) => {
    expect(parseCursor(formatCursor(epoch, seq), 'now')).toEqual({ epoch, seq });
  });

  test('that is a bare sequence number means the present epoch', () => {
    expect(parseCursor('12', 'now')).toEqual({ epoch: 'now', seq: 12 });
  });

  test.each([
    ...[
      '',
      ':',
      'e1:',
      ':5',
      'e1:-1',
      'e1:01',
      'e1:1.5',
      'e1:1e3',
      'e 1:1',
      'a:b:1',
      ' 1',
      '1 ',
      '-1',
      'null',
      'e1:1\n',
    ],
    ...[`${'x'.repeat(65)}:1`, 'e1:9007199254740992', '9999999999999999', '１', 'constructor', '0x10', '{}'],
  ])('of any other text is refused: %j', (text) => {
    expect(() => parseCursor(text, 'now')).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  });

  test('that is refused is quoted only in part', () => {
    expect(() => parseCursor('x'.repeat(10_000), 'now')).toThrow(/^"x{80}" is not a cursor/);
  });
});
