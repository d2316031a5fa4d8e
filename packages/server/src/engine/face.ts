import type {
  Append,
  AppendAnswer,
  Assignment,
  ControlView,
  CreateRun,
  Json,
  LeaseRef,
  LeaseState,
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
    options?: { key?: string; ctl?: number },
  ): Promise<{ seq: number; result?: Json }>;

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
  appendAttempt(caller: Caller, lease: LeaseRef, sequence: number, events: Append['events']): Promise<AppendAnswer>;
  renew(caller: Caller, worker: string, leases: readonly LeaseRef[]): Promise<LeaseState[]>;
  /** Called when an attempt of this worker is to stop. */
  onSignal(caller: Caller, worker: string, listener: (signal: LeaseState) => void): () => void;
  workers(tenant: string): WorkerInfo[];

  putWorkflow(caller: Caller, definition: WorkflowDefinition): Promise<{ name: string; hash: string }>;
  workflows(tenant: string): Promise<(WorkflowDefinition & { hash: string })[]>;

  /** The committed control view; undefined = no such run. Never changed by the caller. */
  control(key: RunKey): Promise<{ control: ControlView; head: number } | undefined>;

  /** For the scheduler: told when something falls due earlier than it knows. */
  onDue(listener: (at: number) => void): void;
  /** For the scheduler: carries out a due row; the row is gone when it resolves. */
  deliver(row: DueRow): Promise<void>;
  /** For the scheduler: ends an attempt whose lease was expired at `expiredAt` and still is. */
  expire(lease: LeaseRow, expiredAt: number): Promise<void>;
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
