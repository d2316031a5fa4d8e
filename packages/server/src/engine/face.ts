import type {
  Append,
  AppendAnswer,
  Assignment,
  AttemptAnswer,
  ControlView,
  CreateRun,
  ForkRun,
  Json,
  LeaseRef,
  LeaseState,
  RetryRun,
  RunCommand,
  WorkerRegistration,
  WorkflowDefinition,
} from '@millrace/protocol';
import type { DueRow, LeaseRow, RunKey } from '../store/store.ts';

/** Who asks the engine, already authenticated and authorised. */
export interface Caller {
  tenant: string;
  /** `user:ID`, `worker:ID`, `link:ID` or `system`; stands in the events as `by` */
  by: string;
}

export interface CommandOptions {
  /** idempotency key: the same command under the same key happens once */
  key?: string;
  /** seq of the last control event that the sender had seen */
  ctl?: number;
  /** the scoped token that this answer spends, in the answer's own transaction; `link_spent` where it has ended */
  spend?: string;
}

/**
 * What the rest of the server asks of the engine. Every promise resolves after the commit that made it true, and
 * rejects with a MillraceError: then nothing was written.
 */
export interface Engine {
  /** Errors: workflow_not_found, input_invalid, graph_*, expression_invalid, idempotency_conflict, payload_too_large. */
  create(
    caller: Caller,
    request: CreateRun,
    idempotencyKey?: string,
  ): Promise<{ id: string; seq: number; repeated: boolean }>;
  /** For the producer of an external run. Errors: run_not_found, run_ended, run_paused, event_*, producer_gap, stale_producer. */
  append(caller: Caller, run: string, append: Append): Promise<AppendAnswer>;
  /** Errors: run_not_found, wait_not_found, already_answered, invalid_transition, run_ended. */
  command(
    caller: Caller,
    run: string,
    command: RunCommand,
    options?: CommandOptions,
  ): Promise<{ seq: number; result?: Json }>;

  /** A new run from what an ended one left. Errors: run_not_found, invalid_transition, node_not_found. */
  retry(
    caller: Caller,
    run: string,
    request: RetryRun,
    key?: string,
  ): Promise<{ id: string; seq: number; repeated: boolean }>;
  /** A new run from the state at a seq. Errors: run_not_found, invalid_request, invalid_transition. */
  fork(
    caller: Caller,
    run: string,
    request: ForkRun,
    key?: string,
  ): Promise<{ id: string; seq: number; repeated: boolean }>;

  register(
    caller: Caller,
    worker: WorkerRegistration,
    place: { boot: string },
  ): Promise<{ leaseMs: number; renewMs: number }>;
  claim(
    caller: Caller,
    request: { worker: string; limit: number; wait: number },
    signal?: AbortSignal,
  ): Promise<Assignment[]>;
  /** Errors: stale_attempt, wait_ended, step_name_reused, journal_mismatch, event_*, run_ended. */
  appendAttempt(caller: Caller, lease: LeaseRef, sequence: number, events: Append['events']): Promise<AttemptAnswer>;
  renew(caller: Caller, worker: string, leases: readonly LeaseRef[]): Promise<LeaseState[]>;
  /** Called when an attempt of this worker is to stop. */
  onSignal(caller: Caller, worker: string, listener: (signal: LeaseState) => void): () => void;
  workers(tenant: string): WorkerInfo[];

  putWorkflow(caller: Caller, definition: WorkflowDefinition): Promise<{ name: string; hash: string }>;
  workflows(tenant: string): Promise<(WorkflowDefinition & { hash: string })[]>;

  /** What never changes of a run that is in memory: whose it is. */
  known(key: RunKey): { id: string; owner: string | undefined; tags: readonly string[] } | undefined;
  /** The committed control view; undefined = no such run. Never changed by the caller. */
  control(key: RunKey): Promise<{ control: ControlView; head: number } | undefined>;

  /** For the scheduler: told when something falls due earlier than it knows. */
  onDue(listener: (at: number) => void): void;
  /** For the scheduler: carries out a due row; the row is gone when it resolves. */
  deliver(row: DueRow): Promise<void>;
  /** For the scheduler: ends an attempt whose lease was expired at `expiredAt` and still is. */
  expire(lease: LeaseRow, expiredAt: number): Promise<void>;
  /** For the scheduler: ends an attempt that nothing was heard of for too long, whatever its lease says. */
  hang(lease: LeaseRow): Promise<void>;
  /** For the scheduler: ends a run that nobody drives; nothing happens where it has moved on (`only`). */
  endRun(
    key: RunKey,
    end: { outcome: 'failed' | 'cancelled'; code: string; message: string; only?: 'created' | 'external' },
  ): Promise<void>;
  /** For the scheduler: queue rows may have become claimable by time alone. */
  wakeAll(): void;

  stop(): Promise<void>;
}

export interface WorkerInfo {
  id: string;
  tasks: { name: string; version?: string }[];
  concurrency: number;
  /** ms since the epoch */
  lastSeen: number;
  leases: number;
  local: boolean;
}
