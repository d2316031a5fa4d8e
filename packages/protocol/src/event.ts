import type { GraphNode } from './graph.ts';
import type { BlobRef, Json } from './json.ts';

/** One immutable fact in a run's log. The run's id stands once in the frame or row that carries it. */
export type RunEvent = EventOf<EventType>;

/** The event of a type; of a union of types, the union of their events. */
export type EventOf<T extends EventType> = T extends EventType ? EventShape<T> : never;

export interface EventShape<T extends EventType> {
  /** 1, 2, 3, … without holes in a run; made by the store alone */
  seq: number;
  /** ms since the epoch, never smaller than the run's last */
  at: number;
  type: T;
  node?: string;
  /** a step's identity within its node, see {@link stepId} */
  step?: string;
  /** the attempt of the node that wrote it, from 1 */
  attempt?: number;
  /** who caused it: `user:ID`, `worker:ID`, `system` or `link:ID` */
  by?: string;
  data: EventData[T];
}

/** What a producer sends: an event before the store has given it a place. */
export type NewEvent = NewEventOf<EventType>;
export type NewEventOf<T extends EventType> = T extends EventType ? Omit<EventShape<T>, 'seq' | 'at'> : never;

export type EventType = keyof EventData;

export interface RunError {
  code: string;
  message: string;
  node?: string;
  /** false = a retry would fail the same way */
  retryable?: boolean;
  stack?: string;
}

/** A result that was copied from an ancestor run by retry or fork. */
export interface Reused {
  run: string;
  seq: number;
}

export interface RunOptions {
  /** higher is claimed first; default 0 */
  priority?: number;
  /** ms since the epoch before which nothing is dispatched */
  delayUntil?: number;
  /** ms that the run may stay unclaimed */
  ttl?: number;
  queue?: string;
  budget?: { amount: number; currency: string };
  idempotencyKey?: string;
  /** at most `limit` nodes of runs that share the key run at once */
  concurrency?: { key: string; limit: number };
}

export interface Lineage {
  /** the run and node that started this one as a child */
  parent?: { run: string; node: string; step?: string };
  retryOf?: { run: string; seq: number };
  forkOf?: { run: string; seq: number };
}

/** How an approval may be decided: `approved`, `rejected`, `timed_out`, or one of the request's options. */
export type Decision = string;

export interface EventData {
  'run.created': {
    workflow: string;
    /** content hash of the workflow's definition */
    version?: string;
    nodes: GraphNode[];
    input: Json | BlobRef;
    options?: RunOptions;
    owner?: string;
    tags?: string[];
    lineage?: Lineage;
    /** true = another system executes; see DESIGN, external runs */
    external?: boolean;
  };
  'run.started': Record<string, never>;
  'run.progress': { progress: number; message?: string };
  'run.paused': { reason?: string };
  'run.resumed': { reason?: string };
  /** `duration`: ms since run.created; the producer of an external run may leave it out */
  'run.completed': { output?: Json | BlobRef; duration?: number };
  'run.stopping': { outcome: 'cancelled' | 'failed'; reason?: string; error?: RunError; graceUntil: number };
  'run.failed': { error: RunError; duration?: number };
  'run.cancelled': { reason?: string; duration?: number };
  'graph.updated': {
    add?: GraphNode[];
    expand?: { node: string; items: Json[] | BlobRef; count: number };
  };
  /** written only where the queueing is not implied; `input` = the evaluated mapping */
  'node.queued': { reason?: string; input?: Json | BlobRef; task?: string };
  'node.started': { task?: string; version?: string; worker?: string /** ms */; lease?: number };
  'node.progress': { progress: number; message?: string };
  'node.retrying': { error: RunError; nextAt: number };
  'node.waiting': { waits: string[] };
  'node.parked': { reason: 'paused' | 'draining' };
  'node.completed': { output?: Json | BlobRef; duration?: number; reused?: Reused };
  'node.failed': { error: RunError; duration?: number };
  'node.skipped': { reason: string };
  'node.cancelled': { reason: string };
  'attempt.lost': { reason: 'lease_expired' | 'fenced' | 'hung' };
  'step.started': { name: string; key?: string };
  'step.progress': { name: string; key?: string; progress: number; message?: string };
  'step.completed': { name: string; key?: string; output?: Json | BlobRef; duration?: number; reused?: Reused };
  'step.failed': { name: string; key?: string; error: RunError; duration?: number };
  log: { level: LogLevel; message: string; metadata?: Json };
  'agent.started': { agentId: string; messageId: string; model?: string; note?: string };
  'agent.message': { agentId: string; messageId: string; role: 'user' | 'assistant' | 'system'; text: string };
  'agent.thinking': { agentId: string; messageId: string; text: string };
  'agent.token': { agentId: string; messageId: string; text: string };
  'agent.completed': { agentId: string; messageId: string; text?: string; tokens?: TokenCounts; finish?: string };
  'agent.tool_call': {
    agentId: string;
    messageId: string;
    callId: string;
    name: string;
    arguments: Json;
    status: 'running' | 'completed' | 'failed';
  };
  'agent.tool_result': {
    agentId: string;
    messageId: string;
    callId: string;
    name: string;
    status: 'completed' | 'failed';
    result?: Json | BlobRef;
    error?: string;
  };
  'approval.requested': {
    approvalId: string;
    title: string;
    details?: Json;
    /** decisions offered beside approved and rejected */
    options?: string[];
    timeoutAt?: number;
    /** default: the decision is timed_out; escalate = asked again of the next in `escalateTo`, under the same id */
    onTimeout?: 'reject' | 'approve' | 'fail' | 'escalate';
    onReject?: 'return' | 'fail';
    escalation?: { level: number; to?: string };
    /** who is asked next, and for how long (ms) */
    escalateTo?: { to: string; timeout: number }[];
  };
  'approval.resolved': { approvalId: string; decision: Decision; comment?: string; reused?: Reused };
  'input.requested': {
    inputId: string;
    prompt: string;
    /** JSON Schema of the answer */
    schema?: Json;
    timeoutAt?: number;
    default?: Json;
  };
  'input.provided': { inputId: string; value: Json; reused?: Reused };
  'input.timed_out': { inputId: string; value?: Json; reused?: Reused };
  'sleep.started': { sleepId: string; until: number };
  'sleep.ended': { sleepId: string; reused?: Reused };
  'child.started': { childId: string; run: string; workflow: string; input?: Json | BlobRef; detached?: boolean };
  'child.ended': {
    childId: string;
    run: string;
    outcome: 'completed' | 'failed' | 'cancelled';
    output?: Json | BlobRef;
    error?: RunError;
    reused?: Reused;
  };
  'kb.started': KbDocument & { bytes?: number };
  'kb.processing': KbDocument & { phase: KbPhase; progress: number; chunks?: number; embeddings?: number };
  'kb.completed': KbDocument & { chunks: number; embeddings: number };
  'kb.failed': KbDocument & { error: string; failedPhase: KbPhase };
  usage: {
    model?: string;
    inputTokens?: number;
    outputTokens?: number;
    cost?: { amount: number; currency: string };
  };
  'budget.exceeded': { limit: number; total: number; currency: string };
  metric: { name: string; value: number; unit?: string };
  'file.created': FileFacts;
  'file.updated': FileFacts;
  'checkpoint.saved': { key: string; state: Json | BlobRef; reused?: Reused };
  /** something went wrong and the run goes on */
  error: { code: string; message: string };
}

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';
export type KbPhase = 'extraction' | 'chunking' | 'embedding' | 'indexing';

export interface TokenCounts {
  input?: number;
  output?: number;
}

export interface KbDocument {
  kbId: string;
  documentId: string;
  fileName: string;
}

export interface FileFacts {
  name: string;
  /** media type */
  type: string;
  bytes: number;
  sha256: string;
  /** path below the server's address, e.g. `/api/files/SHA` */
  url: string;
}

/** A step's identity within its node: its name, and its key where it has one. Names hold no `/`. */
export function stepId(name: string, key?: string): string {
  return key === undefined ? name : `${name}/${key}`;
}
