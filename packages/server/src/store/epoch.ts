import { randomBytes } from 'node:crypto';

/**
 * A new epoch, greater as text than every earlier one: 9 digits of time in base 36, then chance, so that two
 * databases of the same millisecond differ. `now`: ms since the epoch; `previous` wins over a clock that went back.
 */
export function newEpoch(now: number, previous?: string, random: (bytes: number) => Uint8Array = randomBytes): string {
  const before = previous === undefined ? 0 : Number.parseInt(previous.slice(0, TIME_DIGITS), 36);
  const time = Math.max(now, before + 1)
    .toString(36)
    .padStart(TIME_DIGITS, '0');
  return time + Buffer.from(random(4)).toString('hex');
}

const TIME_DIGITS = 9;
