import type { FileFacts, Json, KbPhase, LogLevel, RetryPolicy } from '@millrace/protocol';
import type { AgentAnswer, AgentOptions, AgentSource } from './agent-stream.ts';
import type { Stopped } from './errors.ts';

/**
 * What a task's handler gets.
 *
 * Durable calls (`step`, `agent`, `kb`, `file`, `approval`, `checkpoint`) leave their results in the run's log; a later
 * attempt of the same node is answered from there and does not do them again. A call is known by its name and key
 * within the node. The same name and key twice in one attempt: `step_name_reused`. A name that the log holds as
 * another kind of call: `journal_mismatch`, and the attempt fails for good. Results come back as JSON carries them,
 * at most once; a step's effects may happen again after a crash, which is what its `idempotencyKey` is for.
 *
 * Everything else (`log`, `progress`, `metric`, `usage`, `error`) only tells. It returns at once, is sent in order,
 * and is silent while the handler is led through what earlier attempts have already told.
 */
export interface TaskContext {
  readonly run: string;
  readonly node: string;
  /** from 1 */
  readonly attempt: number;
  readonly workflow: string;
  readonly tags: readonly string[];
  readonly owner: string | undefined;
  /** the item's place, of a node of a forEach */
  readonly index: number | undefined;
  /** Aborts when the attempt is to stop; `signal.reason.kind` says why. */
  readonly signal: StopSignal;

  /**
   * Runs `fn` once and remembers what it answered. A step that failed is run again by a later attempt.
   * Called after the attempt was told to stop it does not begin. Errors: what `fn` throws, `event_invalid`
   * where JSON cannot carry the result.
   */
  step<T>(name: string, fn: (step: StepContext) => Promise<T> | T, options?: StepOptions): Promise<T>;

  readonly log: Log;

  /** Percent, 0–100, of the node or, inside a step, of the step. */
  progress(percent: number, message?: string): void;

  /** Saves a state under a key, replacing what it held; `load` answers the newest, of this or an earlier attempt. */
  readonly checkpoint: Checkpoint;

  /**
   * Asks a human and waits, without holding a worker, for as long as it takes. A rejection is an answer, not an error,
   * unless `onReject` is `fail`. Cannot stand inside a step (`invalid_request`).
   */
  approval(name: string, request: ApprovalRequest, options?: { key?: string }): Promise<ApprovalAnswer>;

  /** A step that streams what an AI SDK `streamText` call answers into the run's log. */
  agent(name: string, body: AgentBody, options?: AgentOptions & StepOptions): Promise<AgentAnswer>;

  /** A step that takes a document into a knowledge base and reports how far it is. */
  kb<T extends KbTotals>(
    kbId: string,
    document: KbSource,
    body: KbBody<T>,
    options?: { retry?: RetryPolicy },
  ): Promise<T>;

  /** A step that stores a file and shows it in the run. `key` allows a second one of the same name. */
  file(name: string, content: string | Uint8Array, options: { type: string; key?: string }): Promise<FileFacts>;

  /** Tokens and cost; counted against the run's budget. */
  usage(usage: UsageReport): void;
  metric(name: string, value: number, unit?: string): void;
  /** Something went wrong and the run goes on. */
  error(code: string, message: string): void;
}

export interface StopSignal extends AbortSignal {
  readonly reason: Stopped;
}

export interface StepContext {
  /** run/node/name/key: the same for every try, for the system that takes the step's effect */
  readonly idempotencyKey: string;
  readonly signal: StopSignal;
  /** which try of `retry` this is, from 1 */
  readonly attempt: number;
}

export interface StepOptions {
  /** tells calls of the same name apart, such as an item's id */
  key?: string;
  /** tries within this attempt; default one */
  retry?: RetryPolicy;
}

export interface Log {
  (level: LogLevel, message: string, metadata?: unknown): void;
  debug(message: string, metadata?: unknown): void;
  info(message: string, metadata?: unknown): void;
  warning(message: string, metadata?: unknown): void;
  error(message: string, metadata?: unknown): void;
}

export interface Checkpoint {
  (key: string, state: unknown): Promise<void>;
  load<T = Json>(key: string): Promise<T | undefined>;
}

export interface ApprovalRequest {
  title: string;
  details?: unknown;
  /** decisions offered beside approved and rejected */
  options?: string[];
  /** ms; without it the approval waits for ever */
  timeout?: number;
  onTimeout?: 'reject' | 'approve' | 'fail';
  onReject?: 'return' | 'fail';
}

export interface ApprovalAnswer {
  /** approved, rejected, timed_out or one of the options */
  decision: string;
  approved: boolean;
  comment?: string;
  /** who decided: `user:ID`, `link:ID` or `system` */
  by?: string;
}

export type AgentBody = (signal: StopSignal, step: StepContext) => AgentSource | Promise<AgentSource>;

export interface KbSource {
  documentId: string;
  fileName: string;
  bytes?: number;
}

export interface KbTotals {
  chunks: number;
  embeddings: number;
}

export type KbBody<T extends KbTotals> = (report: KbReport, step: StepContext) => Promise<T> | T;

/** Percent, 0–100, of a phase. */
export type KbReport = (phase: KbPhase, progress: number, totals?: Partial<KbTotals>) => void;

export interface UsageReport {
  model?: string;
  inputTokens?: number;
  outputTokens?: number;
  cost?: { amount: number; currency: string };
}
