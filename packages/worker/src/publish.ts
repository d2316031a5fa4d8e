import type { Json, PublicStatus, RunError } from '@millrace/protocol';
import { type JobReceipt, type JobTarget, tell } from './publish-target.ts';

export type { HttpOptions } from './http-request.ts';
export type { IoRedis, JobReceipt, JobTarget, NodeRedis } from './publish-target.ts';

/**
 * For workers that are none of ours: what they tell of a job that they execute, over Redis or HTTP. Messages about one
 * job are written in the order of the calls, each once, also where a client sends a command again. A promise resolves when the
 * message is kept; over HTTP it rejects with the server's refusal (`invalid_transition`, `run_ended`, `forbidden`, …),
 * over Redis the server's log and `/metrics` tell of those.
 */

/** `state` as the job's state table has it, `step` a label of what goes on, `progress` in percent. */
export function publishJobProgress(
  target: JobTarget,
  jobId: string,
  userId: string,
  state: PublicStatus,
  step: string,
  progress: number,
): Promise<JobReceipt> {
  return tell(target, jobId, { type: 'job:progress', jobId, userId, state, step, progress });
}

export interface StepAbout {
  /** percent */
  progress?: number;
  message?: string;
  output?: Json;
  error?: string | RunError;
}

/** A named step of the job, which starts, and completes or fails. */
export function publishJobStep(
  target: JobTarget,
  jobId: string,
  userId: string,
  step: string,
  status: 'started' | 'progress' | 'completed' | 'failed',
  about: StepAbout = {},
): Promise<JobReceipt> {
  return tell(target, jobId, { type: 'job:step', jobId, userId, step, status, ...about });
}

/** A piece of the job's response; pieces of the same message are one text. */
export function publishJobChunk(
  target: JobTarget,
  jobId: string,
  userId: string,
  chunk: string,
  about: { agentId?: string; messageId?: string } = {},
): Promise<JobReceipt> {
  return tell(target, jobId, { type: 'job:chunk', jobId, userId, chunk, ...about });
}

/** The job's end; `durationMs` as its worker measured it. */
export function publishJobComplete(
  target: JobTarget,
  jobId: string,
  userId: string,
  result: unknown,
  durationMs: number,
): Promise<JobReceipt> {
  return tell(target, jobId, { type: 'job:completed', jobId, userId, result, durationMs }, true);
}

/** The job's end by an error. */
export function publishJobFailed(
  target: JobTarget,
  jobId: string,
  userId: string,
  error: string | RunError,
  durationMs?: number,
): Promise<JobReceipt> {
  const took = durationMs === undefined ? {} : { durationMs };
  return tell(target, jobId, { type: 'job:failed', jobId, userId, error, ...took }, true);
}
