import type { RetryPolicy, RunError } from '@millrace/protocol';

const DELAY = 1_000;
const FACTOR = 2;
const MAX_DELAY = 60_000;

/** ms to wait before the next attempt, or undefined where there is none: retries used up, or not retryable. */
export function nextDelay(policy: RetryPolicy | undefined, retriesUsed: number, error: RunError): number | undefined {
  if (!policy || error.retryable === false || retriesUsed + 1 >= policy.attempts) return undefined;
  const delay = (policy.delay ?? DELAY) * (policy.factor ?? FACTOR) ** retriesUsed;
  return Math.min(delay, policy.maxDelay ?? MAX_DELAY);
}
