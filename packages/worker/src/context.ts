import type { FileFacts, Json, KbPhase, LogLevel, RetryPolicy, WorkflowDefinition } from '@millrace/protocol';
import type { AgentAnswer, AgentOptions, AgentSource } from './agent-stream.ts';
import type { Stopped } from './errors.ts';
import type { FormSchema, JsonSchema } from './schema.ts';

/**
 * What a task's handler gets.
 *
 * Durable calls (`step`, `agent`, `kb`, `file`, `approval`, `input`, `sleep`, `run`, `checkpoint`) leave their results
 * in the run's log; a later attempt of the same node is answered from there and does not do them again. A call is known
 * by its name and key within the node. The same name and key twice in one attempt: `step_name_reused`. A name that the
 * log holds as another kind of call: `journal_mismatch`, and the attempt fails for good. Results come back as JSON
 * carries them, at most once; a step's effects may happen again after a crash, which is what its `idempotencyKey` is for.
 *
 * They go together: `Promise.all`, `race` and `allSettled` over any of them give the same in a replay as they did live,
 * because results are given in the order of the log. `approval`, `input`, `sleep` and `run` wait without holding a worker:
 * when only waits are left, the attempt ends without a word and a new one goes on once there is an answer. They cannot
 * stand inside a step (`invalid_request`).
 *
 * Everything else (`log`, `progress`, `metric`, `usage`, `error`) only tells. It returns at once, is sent in order,
 * and is silent while the handler is led through what earlier attempts have already told.
 */
export interface TaskContext {
  readonly runId: string;
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
   * Asks a human for a decision. A rejection is an answer, not an error, unless `onReject` is `fail`: then the node fails
   * with `approval_rejected` as soon as it is rejected. Errors: `invalid_request`.
   */
  approval(name: string, request: ApprovalRequest, options?: WaitOptions): Promise<ApprovalAnswer>;

  /**
   * Asks a human for a value. With a schema, an answer that fails its JSON Schema is refused where it is given, and the
   * wait goes on; what only code can check (a zod `refine`) is checked here. A Standard Schema also gives the answer its
   * type, and its transforms are applied. Errors: `input_timed_out` where nobody answers in time and there is no
   * default; `input_invalid`; `invalid_request` for a schema of which there is no JSON Schema.
   */
  input<I, O>(name: string, request: InputRequest<FormSchema<I, O>, I>, options?: WaitOptions): Promise<O>;
  input<T = Json>(name: string, request: InputRequest<JsonSchema, T>, options?: WaitOptions): Promise<T>;

  /** Waits some ms, or until a moment that the server's clock has to reach. At once where that has passed. */
  sleep(name: string, time: number | { until: Date | number }, options?: WaitOptions): Promise<void>;

  /**
   * Starts a run of another workflow and waits for its output. It is cancelled with this run, unless `detached`; a pause
   * of this run leaves it alone. Errors: {@link ChildFailed} (`child_failed`) where it does not complete.
   */
  run<T = Json>(
    name: string,
    workflow: string | WorkflowDefinition,
    input?: unknown,
    options?: WaitOptions & { detached?: boolean },
  ): Promise<T>;

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

export interface WaitOptions {
  /** tells calls of the same name apart, such as an item's id */
  key?: string;
}

export interface InputRequest<S = FormSchema | JsonSchema, T = unknown> {
  /** what the human is asked */
  prompt: string;
  /** what answers must be like; forms are made of it */
  schema?: S;
  /** ms; without it the input waits for ever */
  timeout?: number;
  /** the answer where nobody gives one in time; as an answer would be, before a schema's transforms */
  default?: NoInfer<T>;
}

export interface ApprovalRequest {
  title: string;
  details?: unknown;
  /** decisions offered beside approved and rejected */
  options?: string[];
  /** ms; without it the approval waits for ever */
  timeout?: number;
  /**
   * what happens then; default: the decision is `timed_out`. `reject` and `approve` decide so, `fail` fails the node
   * with `timeout`, and `escalate` asks each of these in turn (a person's or group's name), for so many ms.
   */
  onTimeout?: 'reject' | 'approve' | 'fail' | { escalate: { to: string; timeout: number }[] };
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
