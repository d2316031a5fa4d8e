import { Dice } from './dice.ts';

/** What happens to one TCP connection, once so many bytes have come from that side. */
export type ConnectionFault =
  | { kind: 'none' }
  /** both ends see it broken: closed in the middle of a message, or reset */
  | { kind: 'cut'; side: Side; after: number; reset: boolean }
  /** nothing passes that way for so long; then it goes on */
  | { kind: 'stall'; side: Side; after: number; ms: number }
  /** nothing passes that way any more, and nobody is told */
  | { kind: 'hush'; side: Side; after: number }
  /** the next bytes come one by one */
  | { kind: 'drip'; side: Side; after: number; bytes: number };

export type Side = 'client' | 'server';

/**
 * The fault of the `connection`-th connection through a proxy; equal arguments, equal faults. Only among the first
 * `hushed` ones are some that fall silent, which takes their ends a minute and a half to find out.
 */
export function faultOf(seed: number, connection: number, hushed = 0): ConnectionFault {
  const dice = new Dice(seed * 0x9e3779b1 + connection * 0x85ebca6b);
  const side = dice.chance(0.7) ? 'server' : 'client';
  // As likely in the first hundred bytes as between 10 and 100 KB.
  const after = Math.floor(2 ** (dice.next() * 17));
  const luck = dice.next();
  if (connection < hushed && dice.chance(0.02)) return { kind: 'hush', side, after };
  if (luck < 0.4) return { kind: 'cut', side, after, reset: dice.chance(0.5) };
  if (luck < 0.55) return { kind: 'stall', side, after, ms: dice.between(200, 3_000) };
  if (luck < 0.75) return { kind: 'drip', side, after: Math.min(after, 4_096), bytes: dice.between(100, 1_500) };
  return { kind: 'none' };
}
