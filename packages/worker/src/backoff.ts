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

/** Repeats a request that may be repeated until it is answered, refused for good, or `signal` aborts (then rejects). */
export async function persist<T>(
  request: () => Promise<T>,
  { clock, random, signal }: { clock: Clock; random: Random; signal: AbortSignal },
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await request();
    } catch (error) {
      if (signal.aborted || !isTransient(error)) throw error;
      await pause(clock, backoff(tries, random), signal);
      if (signal.aborted) throw error;
    }
  }
}
