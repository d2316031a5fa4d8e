import type {
  Decision,
  FileFacts,
  KbPhase,
  Lineage,
  LogLevel,
  Reused,
  RunError,
  RunOptions,
  TokenCounts,
} from './event.ts';
import type { GraphNode } from './graph.ts';
import type { BlobRef, Json } from './json.ts';
import type { NodeState } from './node.ts';
import { liveAttempts, openNodes } from './node-counts.ts';
import type { PublicStatus, RunState, StatusDetail } from './run.ts';
import type { WaitKind, WaitState } from './wait.ts';

/** The number of what `fold` makes of a log: raised with the golden log's hash; snapshots of another are made again. */
export const FOLD = 3;

/** A run as its viewers see it: the fold of its log up to and including `seq`. Plain JSON. */
export interface RunView {
  run: string;
  seq: number;
  /** ms since the epoch, of the last event */
  at: number;
  control: ControlView;
  content: ContentView;
}

/** The fold of the control events alone: what the engine decides on. */
export interface ControlView {
  run: string;
  /** seq of the last control event */
  ctl: number;
  status: RunState;
  workflow: string;
  version?: string;
  graph: GraphNode[];
  input: Json | BlobRef;
  options: RunOptions;
  owner?: string;
  tags: string[];
  lineage?: Lineage;
  external: boolean;
  createdAt: number;
  /** seq of the last event that moved the run's own state */
  statusSeq: number;
  startedAt?: number;
  /** seq that started the run, written or implied */
  startedSeq?: number;
  endedAt?: number;
  endedSeq?: number;
  output?: Json | BlobRef;
  error?: RunError;
  reason?: string;
  stop?: { outcome: 'cancelled' | 'failed'; graceUntil: number; reason?: string; error?: RunError };
  nodes: Record<string, NodeView>;
  /** how many nodes are in each state */
  counts: Record<NodeState, number>;
  /** of the running ones, how many are the engine's own (a forEach, a sub-workflow) and hold no lease */
  unleased: number;
  waits: Record<string, WaitView>;
  /** how many waits are open */
  openWaits: number;
  usage: Usage;
}

export interface NodeView {
  id: string;
  status: NodeState;
  /** the latest attempt's number; 0 = never started */
  attempt: number;
  /** the state that it left by its last move, where its seqs do not tell it */
  left?: 'waiting' | 'retrying';
  task?: string;
  version?: string;
  worker?: string;
  /** of an item: the forEach node it belongs to, and its place in the items */
  parent?: string;
  index?: number;
  needs: { total: number; ok: number; skipped: number; dead: number };
  /** of a node that handles others' failures (their onError names it) */
  handles?: { total: number; failed: number; well: number; error?: RunError };
  /** every need has ended well, but an expression has to be evaluated before it can be queued */
  ready?: boolean;
  /** the evaluated mapping, where one was written */
  input?: Json | BlobRef;
  output?: Json | BlobRef;
  error?: RunError;
  reason?: string;
  reused?: Reused;
  /** of a forEach */
  items?: { values: Json[] | BlobRef; count: number; open: number };
  /** ids of the waits that a waiting node waits for */
  waits?: string[];
  /** ids of its waits that are open, whether or not it is parked on them */
  openWaits?: Record<string, true>;
  /** retries used */
  retries: number;
  /** attempts lost in a row */
  lost: number;
  nextAt?: number;
  /** seq of the last durable result; what older attempts told after it is superseded by a newer one */
  durableSeq?: number;
  /** where newer attempts began; those that found no new durable result count as one */
  restarts?: Restart[];
  queuedSeq?: number;
  startedSeq?: number;
  endedSeq?: number;
  queuedAt?: number;
  startedAt?: number;
  endedAt?: number;
  steps: Record<string, StepView>;
  checkpoints?: Record<string, { seq: number; at: number; state: Json | BlobRef }>;
  usage?: Usage;
}

/** The start of an attempt after the first: what older ones told outside steps after `durable` is retracted by it. */
export interface Restart {
  seq: number;
  attempt: number;
  /** seq of the node's last durable result before it; 0 = there was none */
  durable: number;
}

export interface StepView {
  name: string;
  key?: string;
  status: 'running' | 'completed' | 'failed';
  attempt: number;
  seq: number;
  startedAt: number;
  endedAt?: number;
  output?: Json | BlobRef;
  error?: RunError;
  reused?: Reused;
}

export interface WaitView {
  id: string;
  kind: WaitKind;
  node: string;
  status: WaitState;
  seq: number;
  requestedAt: number;
  timeoutAt?: number;
  endedAt?: number;
  endedSeq?: number;
  by?: string;
  reused?: Reused;
  approval?: {
    title: string;
    details?: Json;
    options?: string[];
    onTimeout?: string;
    onReject?: string;
    escalation?: { level: number; to?: string };
    escalateTo?: { to: string; timeout: number }[];
    decision?: Decision;
    comment?: string;
  };
  input?: { prompt: string; schema?: Json; default?: Json; value?: Json };
  sleep?: { until: number };
  child?: {
    run: string;
    workflow: string;
    detached?: boolean;
    outcome?: 'completed' | 'failed' | 'cancelled';
    output?: Json | BlobRef;
    error?: RunError;
  };
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** by currency */
  cost: Record<string, number>;
}

/** What the run told. Bounded: windows of the newest, with totals; the rest is read from the log by range. */
export interface ContentView {
  progress?: number;
  message?: string;
  /** of what is going on, by node, and by `node/step`; the newest {@link PROGRESS_WINDOW} */
  progresses: Record<string, { progress: number; message?: string }>;
  /** how often a node or step began to tell of its progress */
  progressTotal: number;
  logs: { total: number; lines: LogLine[] };
  /** agent messages by key, oldest first; the newest {@link MESSAGE_WINDOW} */
  messages: Record<string, AgentMessage>;
  messageTotal: number;
  /** by `kbId/documentId`; the newest {@link DOCUMENT_WINDOW} */
  documents: Record<string, DocumentView>;
  documentTotal: number;
  /** by name; the newest {@link FILE_WINDOW} */
  files: FileView[];
  fileTotal: number;
  /** by name; the newest {@link METRIC_WINDOW} names */
  metrics: Record<string, MetricView>;
  metricTotal: number;
  /** the newest {@link ERROR_WINDOW} */
  errors: ErrorView[];
  errorTotal: number;
}

/** Where content comes from, and whether a newer attempt has retracted it. */
export interface Origin {
  seq: number;
  at: number;
  node?: string;
  step?: string;
  attempt?: number;
  superseded?: true;
}

/** A value that replaces an older one, and the older ones that stand again should it be retracted, newest first. */
export interface Layered<T> extends Origin {
  under?: T[];
}

export interface LogLine extends Origin {
  level: LogLevel;
  message: string;
  metadata?: Json;
}

export interface AgentMessage extends Layered<AgentMessage> {
  key: string;
  agentId: string;
  messageId: string;
  role: 'user' | 'assistant' | 'system';
  status: 'streaming' | 'done';
  /** the newest {@link TEXT_WINDOW} characters or more; `cut` counts those dropped before them */
  text: string;
  thinking: string;
  cut: number;
  /** characters dropped before `thinking`, and calls before `tools`, where there are any */
  thinkingCut?: number;
  toolsCut?: number;
  tokens?: TokenCounts;
  model?: string;
  note?: string;
  tools: ToolCall[];
}

export interface ToolCall {
  callId: string;
  name: string;
  arguments: Json;
  status: 'running' | 'completed' | 'failed';
  result?: Json | BlobRef;
  error?: string;
  startedAt: number;
  endedAt?: number;
}

export interface DocumentView extends Layered<DocumentView> {
  kbId: string;
  documentId: string;
  fileName: string;
  bytes?: number;
  status: 'processing' | 'completed' | 'failed';
  phase?: KbPhase;
  /** 0–100 */
  progress: number;
  chunks?: number;
  embeddings?: number;
  error?: string;
}

export interface FileView extends Layered<FileView>, FileFacts {}

export interface MetricView extends Layered<MetricView> {
  value: number;
  unit?: string;
}

export interface ErrorView extends Origin {
  code: string;
  message: string;
}

export function emptyControl(run: string): ControlView {
  return {
    run,
    ctl: 0,
    status: 'created',
    workflow: '',
    graph: [],
    input: null,
    options: {},
    tags: [],
    external: false,
    createdAt: 0,
    statusSeq: 0,
    nodes: {},
    unleased: 0,
    waits: {},
    openWaits: 0,
    usage: noUsage(),
    counts: {
      pending: 0,
      queued: 0,
      running: 0,
      waiting: 0,
      retrying: 0,
      completed: 0,
      failed: 0,
      skipped: 0,
      cancelled: 0,
    },
  };
}

export function emptyContent(): ContentView {
  return {
    progresses: {},
    progressTotal: 0,
    logs: { total: 0, lines: [] },
    messages: {},
    messageTotal: 0,
    documents: {},
    documentTotal: 0,
    files: [],
    fileTotal: 0,
    metrics: {},
    metricTotal: 0,
    errors: [],
    errorTotal: 0,
  };
}

/** The view of a log without events: what `fold` starts from. */
export function emptyView(run: string): RunView {
  return { run, seq: 0, at: 0, control: emptyControl(run), content: emptyContent() };
}

export function noUsage(): Usage {
  return { inputTokens: 0, outputTokens: 0, cost: {} };
}

/** The state that the world is shown, and the finer word beside it. */
export function publicStatus(control: ControlView): { status: PublicStatus; detail?: StatusDetail } {
  const { status, counts } = control;
  if (status === 'stopping')
    return { status: 'running', detail: control.stop?.outcome === 'failed' ? 'failing' : 'cancelling' };
  if (status === 'paused' && liveAttempts(control) > 0) return { status: 'paused', detail: 'pausing' };
  const waiting = counts.waiting > 0 && liveAttempts(control) === 0 && counts.queued === 0 && counts.retrying === 0;
  if (status === 'running' && waiting) return { status: 'running', detail: 'waiting' };
  return { status: status };
}

/** What lists and `GET /api/runs/{id}` show of a run without its content. */
export interface RunSummary {
  id: string;
  workflow: string;
  status: PublicStatus;
  detail?: StatusDetail;
  /** the log's head */
  seq: number;
  createdAt: number;
  startedAt?: number;
  endedAt?: number;
  /** ms since the epoch, of the last event that changed what stands here */
  updatedAt: number;
  owner?: string;
  tags: string[];
  external: boolean;
  /** nodes ended of all, items included */
  nodes: { ended: number; total: number };
  openWaits: number;
  cost?: Record<string, number>;
  error?: RunError;
}

export function summarise(control: ControlView, seq: number, updatedAt: number): RunSummary {
  let total = 0;
  for (const state in control.counts) total += control.counts[state as NodeState];
  const summary: RunSummary = {
    id: control.run,
    workflow: control.workflow,
    ...publicStatus(control),
    seq,
    createdAt: control.createdAt,
    updatedAt,
    tags: control.tags,
    external: control.external,
    nodes: { ended: total - openNodes(control), total },
    openWaits: control.openWaits,
  };
  if (control.startedAt !== undefined) summary.startedAt = control.startedAt;
  if (control.endedAt !== undefined) summary.endedAt = control.endedAt;
  if (control.owner !== undefined) summary.owner = control.owner;
  if (Object.keys(control.usage.cost).length > 0) summary.cost = { ...control.usage.cost };
  if (control.error !== undefined) summary.error = control.error;
  return summary;
}
