/** How patient a client is. All times in ms; every default may be replaced one by one. */
export interface Policy {
  /** the first backoff window; it doubles with every failed attempt. Default 1 s */
  backoffMin: number;
  /** the largest backoff window. Default 30 s */
  backoffMax: number;
  /** false = the wait is the window itself, not some time in it. Default true */
  jitter: boolean;
  /** failed attempts in a row after which it gives up: `closed` until `connect` or `reconnect`. Default: without end */
  attempts: number;
  /** an attempt that was not greeted by then has failed, and a connection that ends sooner did not last. Default 10 s */
  openTimeout: number;
  /** how long a server that is asked after the page was away may take to answer. Default 5 s */
  checkTimeout: number;
  /** failed attempts on one transport before the next one is tried. Default 2 */
  stepDownAfter: number;
  /** how long a lesser transport is kept before a better one is tried beside it; doubles up to 5 min. Default 5 s */
  climbAfter: number;
  /** between two polls. Default 2 s */
  pollEvery: number;
  /** how long a store without listeners stays subscribed. Default 2 s */
  grace: number;
  /** how long before its expiry a token is replaced. Default 60 s, but never more than half of its life */
  refreshAhead: number;
}

export const defaultPolicy: Policy = {
  backoffMin: 1_000,
  backoffMax: 30_000,
  jitter: true,
  attempts: Infinity,
  openTimeout: 10_000,
  checkTimeout: 5_000,
  stepDownAfter: 2,
  climbAfter: 5_000,
  pollEvery: 2_000,
  grace: 2_000,
  refreshAhead: 60_000,
};

/**
 * How long to wait before attempt `attempt` (from 1): full jitter unless the policy says otherwise, so that a thousand clients of a restarted server
 * come back spread over the window and not at once. `random` is in [0, 1). What the server asked for with
 * Retry-After is the least, and the jitter comes on top of it.
 */
export function backoff(policy: Policy, attempt: number, random: number, retryAfter = 0): number {
  const window = Math.min(policy.backoffMax, policy.backoffMin * 2 ** Math.min(attempt - 1, 30));
  return Math.round(retryAfter + (policy.jitter ? random : 1) * window);
}
