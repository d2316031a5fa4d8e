import type { Cursor } from './cursor.ts';
import { MillraceError } from './error-code.ts';

const CURSOR = /^(?:([0-9A-Za-z_-]{1,64}):)?(0|[1-9][0-9]{0,15})$/;

/**
 * Reads a cursor's text. A bare sequence number means the present epoch, which the caller names.
 * Throws `invalid_cursor` for anything else.
 */
export function parseCursor(text: string, presentEpoch: string): Cursor {
  const [, epoch = presentEpoch, digits] = CURSOR.exec(text) ?? [];
  const seq = Number(digits);
  if (!Number.isSafeInteger(seq)) {
    throw new MillraceError('invalid_cursor', {
      detail: `"${text.slice(0, 80)}" is not a cursor. Expected EPOCH:SEQ as a server gave it, or a bare sequence number.`,
    });
  }
  return { epoch, seq };
}
