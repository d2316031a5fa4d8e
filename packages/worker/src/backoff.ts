import { type Clock, MillraceError } from '@millrace/protocol';
import { pause } from './clock.ts';

/** A number in [0, 1). */
export type Random = () => number;

/** ms before try number `tries` + 1: full jitter below a limit that doubles up to `cap`. */
export function backoff(tries: number, random: Random, base = 200, cap = 5_000): number {
  return Math.round(random() * Math.min(cap, base * 2 ** tries));
}

/** Whether the same request may succeed later: the network failed, or the server says so. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof MillraceError) || error.row.retry;
}

/** Repeats a request that may be repeated until it is answered, refused for good, or it is `over` (then rejects). */
export async function persist<T>(
  request: () => Promise<T>,
  { clock, random, over }: { clock: Clock; random: Random; over: Over },
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await request();
    } catch (error) {
      if (over.ended || !isTransient(error)) throw error;
      await pause(clock, backoff(tries, random), over.signal);
      if (over.ended) throw error;
    }
  }
}

/** When trying has no use any more. The signal is asked for when the first try has failed. */
export interface Over {
  readonly ended: boolean;
  readonly signal: AbortSignal;
}

export function overBy(signal: AbortSignal): Over {
  return {
    signal,
    get ended() {
      return signal.aborted;
    },
  };
}
