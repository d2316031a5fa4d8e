import { IDEMPOTENCY_HEADER, type Json, type RunCommand } from '@millrace/protocol';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { spendOf, tellable } from '../auth/auth.ts';
import { callerOf, principalOf, visibleRun } from './guard.ts';
import type { Parts } from './parts.ts';
import { idempotencyKey } from './schemas.ts';

/** What every request that a repetition must not do twice may carry. */
export const keyHeader = z.object({ [IDEMPOTENCY_HEADER]: idempotencyKey });

export const ctl = z
  .int()
  .min(0)
  .optional()
  .describe("seq of the last control event that you had seen; `outdated` where the run's state has moved on since");

/** Gives a run a command as the request's bearer, whose one-time token is spent by it. */
export async function giveCommand(
  { engine, store }: Pick<Parts, 'engine' | 'store'>,
  request: FastifyRequest,
  run: string,
  command: RunCommand,
  seen?: number,
): Promise<{ seq: number; result?: Json }> {
  const principal = principalOf(request);
  await visibleRun(store, principal, run);
  const key = keyOf(request);
  try {
    return await engine.command(callerOf(request), run, command, {
      ...(key === undefined ? {} : { key }),
      ...(seen === undefined ? {} : { ctl: seen }),
      ...spendOf(principal),
    });
  } catch (error) {
    throw tellable(error, principal);
  }
}

export function keyOf(request: FastifyRequest): string | undefined {
  return request.headers[IDEMPOTENCY_HEADER] as string | undefined;
}
