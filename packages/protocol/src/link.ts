import type { AppendAnswer, WorkflowDefinition } from './command.ts';
import type { NewEvent } from './event.ts';
import type { BlobRef, Json } from './json.ts';
import type { StepView, WaitView } from './view.ts';

/**
 * How a worker talks to an engine: directly in one process (engine/local-link), or over HTTP (worker/http-link).
 * Both behave alike; one suite runs over both.
 *
 * - `register` may be repeated; it replaces what this worker registered before.
 * - `claim` waits up to `wait` ms for work and may answer an empty list.
 * - `append` writes events of one attempt, in order. It is idempotent by the assignment's term and `sequence`:
 *   a repeat after a lost reply is answered with the first answer. It rejects with `stale_attempt` once the lease
 *   is lost, and the attempt must then stop without telling anything more. An attempt ends by what it
 *   appends last: node.completed, node.failed, node.waiting (it parks) or node.parked (it hands back).
 *   A failure that the node's retry policy covers is answered by the engine with node.retrying.
 * - `renew` extends leases and tells what has become of them. A lease that is not renewed for its `leaseMs`
 *   is lost. Signals (pause, cancel, answers) arrive here and, sooner, through `onSignal`.
 */
export interface WorkerLink {
  /** true = the other side keeps this worker's leases as long as the process lives; the worker neither renews nor counts */
  readonly renewsItself?: boolean;
  register(worker: WorkerRegistration): Promise<{ leaseMs: number; renewMs: number }>;
  claim(request: { worker: string; limit: number; wait: number }, signal?: AbortSignal): Promise<Assignment[]>;
  append(lease: LeaseRef, sequence: number, events: NewEvent[]): Promise<AttemptAnswer>;
  renew(worker: string, leases: LeaseRef[]): Promise<LeaseState[]>;
  /** Called when an attempt of this worker is to stop. At most one listener; delivery is a hint, renew is the truth. */
  onSignal(listener: (signal: LeaseState) => void): () => void;
  /** Stores bytes once under their SHA-256. */
  putBlob(bytes: Uint8Array, type: string): Promise<BlobRef>;
  getBlob(sha256: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface WorkerRegistration {
  id: string;
  tasks: { name: string; version?: string }[];
  workflows: WorkflowDefinition[];
  concurrency: number;
  queues?: string[];
}

/** One attempt's right to execute; `term` is the attempt's number and fences its appends. */
export interface LeaseRef {
  run: string;
  node: string;
  attempt: number;
}

export interface AttemptAnswer extends AppendAnswer {
  /**
   * The waits of the attempt's node that ended after the attempt began and before `seq`, so that the attempt hears of
   * them and of its own results in the order of the log. May be left out: then it hears when it parks.
   */
  ended?: WaitView[];
}

export type LeaseState = LeaseRef & {
  /** held; or told to stop cooperatively (`pause`, `cancel`, `timeout`); or `lost`: stop now, nothing is accepted any more */
  state: 'held' | 'pause' | 'cancel' | 'timeout' | 'lost';
  reason?: string;
  /** waits that ended while the attempt is busy; a hint, the answer to an append is the truth */
  ended?: WaitView[];
};

/** What a claim hands out: everything that the attempt needs, its journal included. */
export interface Assignment extends LeaseRef {
  task: string;
  version?: string;
  workflow: string;
  input: Json;
  /** item's place, of a forEach */
  index?: number;
  tags: string[];
  owner?: string;
  leaseMs: number;
  /** ms from the claim until the node's time limit ends this attempt */
  timeoutMs?: number;
  journal: Journal;
}

/** What earlier attempts of this node have left in the log: durable calls are answered from here. */
export interface Journal {
  steps: Record<string, StepView>;
  waits: Record<string, WaitView>;
  /** the newest of each key, and the place at which it was saved */
  checkpoints: Record<string, { seq: number; state: Json | BlobRef }>;
}
