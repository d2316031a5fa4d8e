import type { Policy } from '../policy.ts';

/** How the established clients come back, as policies of `createClient`: all but these is as it is by default. */
export type Reconnection = Pick<Policy, 'backoffMin' | 'backoffMax' | 'jitter' | 'attempts'>;

/** 1 s, doubling up to 30 s, 999 attempts, exactly on time. */
export const resilientReconnection: Reconnection = {
  backoffMin: 1_000,
  backoffMax: 30_000,
  jitter: false,
  attempts: 999,
};

/** 1 s to 5 s, 5 attempts, then it stops. */
export const executionsReconnection: Reconnection = { backoffMin: 1_000, backoffMax: 5_000, jitter: true, attempts: 5 };

/** 1 s to 5 s, without end. */
export const jobsReconnection: Reconnection = {
  backoffMin: 1_000,
  backoffMax: 5_000,
  jitter: true,
  attempts: Infinity,
};
