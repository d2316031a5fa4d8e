/**
 * Where time comes from. The system clock stands in server, worker and client; tests bring a simulated one.
 * `now()` is anchored to the wall clock once, when the clock is made, and then runs on monotonic time, so a
 * jump of the wall clock moves nothing.
 */
export interface Clock {
  /** ms since the epoch, never smaller than an earlier answer of the same clock */
  now(): number;
  /** Calls `fn` once, `ms` milliseconds from now; the returned function takes that back. */
  after(ms: number, fn: () => void): () => void;
}
