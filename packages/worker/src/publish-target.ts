import type { Json, PublicStatus, StatusDetail } from '@millrace/protocol';
import { overBy, persist } from './backoff.ts';
import { systemClock } from './clock.ts';
import { type HttpOptions, request } from './http-request.ts';

/** A connected client of `redis` (node-redis). */
export interface NodeRedis {
  sendCommand(args: string[]): Promise<unknown>;
}

/** A connected client of `ioredis`. */
export interface IoRedis {
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** Where publishers leave what they say: a client of Redis, or a Millrace server with a token of the scope `run:append`. */
export type JobTarget = NodeRedis | IoRedis | HttpOptions;

export interface JobReceipt {
  /** the job's state now, over HTTP; Redis tells of pause, resume and cancel on `job:control:{jobId}` */
  state?: PublicStatus;
  /** `cancelling`: stop, and publish `cancelled` when you have */
  detail?: StatusDetail;
}

const STREAM = 'millrace:jobs';
/** entries that Redis keeps for a server that is away */
const STREAM_LIMIT = '100000';
/** ms for which a server that cannot be reached is asked again */
const PATIENCE_MS = 60_000;

interface Job {
  /** names the numbers; another one where a job that was ended is told of again */
  id: string;
  sequence: number;
  tail: Promise<unknown>;
}

/** What one target is told: each job's messages one after the other, numbered from 1, so that none is written twice. */
class Producer {
  readonly #target: JobTarget;
  readonly #jobs = new Map<string, Job>();

  constructor(target: JobTarget) {
    this.#target = target;
  }

  async tell(jobId: string, message: { [field: string]: unknown }, isLast: boolean): Promise<JobReceipt> {
    const job = this.#jobs.get(jobId) ?? { id: crypto.randomUUID(), sequence: 0, tail: Promise.resolve() };
    const sequence = job.sequence + 1;
    const text = JSON.stringify({ ...message, producer: { id: job.id, sequence } });
    const told = job.tail.then(() => send(this.#target, jobId, text));
    job.sequence = sequence;
    job.tail = told.catch(() => undefined);
    if (isLast) this.#jobs.delete(jobId);
    else this.#jobs.set(jobId, job);
    return told;
  }
}

const producers = new WeakMap<JobTarget, Producer>();

/** Resolves when it is kept: by Redis, or in the job's log. */
export function tell(
  target: JobTarget,
  jobId: string,
  message: { [field: string]: unknown },
  isLast = false,
): Promise<JobReceipt> {
  const producer = producers.get(target) ?? new Producer(target);
  producers.set(target, producer);
  return producer.tell(jobId, message, isLast);
}

async function send(target: JobTarget, jobId: string, text: string): Promise<JobReceipt> {
  if ('url' in target) return post(target, jobId, text);
  const call = (...args: [string, ...string[]]) => ('call' in target ? target.call(...args) : target.sendCommand(args));
  await call('XADD', STREAM, 'MAXLEN', '~', STREAM_LIMIT, '*', 'message', text);
  // For whoever else listens; our servers have it from the stream.
  await call('PUBLISH', `job:event:${jobId}`, text);
  return {};
}

/** The same numbers again write nothing twice, so a request without an answer is sent again. */
async function post(target: HttpOptions, jobId: string, text: string): Promise<JobReceipt> {
  const path = `/api/jobs/${encodeURIComponent(jobId)}/events`;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await persist(
    () => request(target, { method: 'POST', path, json: JSON.parse(text) as Json, signal }),
    { clock: systemClock, random: Math.random, over: overBy(signal) },
  );
  return (await response.json()) as JobReceipt;
}
