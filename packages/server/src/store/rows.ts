import type { RunState, RunSummary } from '@millrace/protocol';

export interface RunKey {
  tenant: string;
  run: string;
}

export interface RunRow extends RunKey {
  head: number;
  ctl: number;
  /** at of the last event */
  at: number;
  ended: boolean;
  status: RunState;
  summary: RunSummary;
}

export interface RunRowQuery {
  tenant: string;
  owner?: string;
  workflow?: string;
  tag?: string;
  queue?: string;
  /** any of these public statuses */
  status?: string[];
  /** runs created before this one, for paging; before an unknown run there is none */
  before?: string;
  limit: number;
}

export interface SilentQuery {
  /** any of these */
  status: readonly RunState[];
  /** ms since the epoch */
  before: number;
  external?: boolean;
  limit: number;
}

export interface QueueRow extends RunKey {
  node: string;
  task: string;
  version?: string;
  queue: string;
  /** higher first */
  priority: number;
  /** ms since the epoch from which it may be claimed */
  at: number;
  /** it is claimable only while fewer than `limit` slots of each key are taken in its queue */
  slots?: { key: string; limit: number }[];
  /** and while fewer than `limit` starts were counted in the last `per` ms */
  rate?: { key: string; limit: number; per: number };
}

export interface ClaimRequest {
  tenant: string;
  /** a row without a version fits any task of its name, a row with one only a task of the same version */
  tasks: readonly { name: string; version?: string }[];
  /** without it every queue */
  queues?: readonly string[];
  now: number;
  limit: number;
}

export interface LeaseKey extends RunKey {
  node: string;
  attempt: number;
}

export interface LeaseRow extends LeaseKey {
  worker: string;
  /** the server's boot where the worker lives in the server's own process, else '' */
  boot: string;
  /** ms since the epoch */
  expires: number;
}

/** Something that has to be told to a run in the future, or to another run. Delivered by the scheduler. */
export interface DueRow extends RunKey {
  /** unique in the run that is told; putting the same key again replaces it */
  key: string;
  at: number;
  /** an engine command, as JSON */
  command: string;
}

/** An open wait that somebody can answer, as the inbox lists it. */
export interface WaitRow extends RunKey {
  id: string;
  kind: 'approval' | 'input';
  node: string;
  workflow: string;
  owner?: string;
  title: string;
  requestedAt: number;
  timeoutAt?: number;
  /** whom an escalation asks */
  to?: string;
}

export interface WaitQuery {
  tenant: string;
  owner?: string;
  kind?: 'approval' | 'input';
  workflow?: string;
  before?: { requestedAt: number; run: string; id: string };
  limit: number;
}

export interface DocumentRow {
  kbId: string;
  documentId: string;
  fileName: string;
  /** the run that told it last */
  run: string;
  status: 'processing' | 'completed' | 'failed';
  at: number;
  bytes?: number;
  chunks?: number;
  embeddings?: number;
  error?: string;
}

export interface KnowledgeBaseRow {
  kbId: string;
  documents: { processing: number; completed: number; failed: number };
  chunks: number;
  embeddings: number;
  at: number;
}

export interface ScheduleRow {
  id: string;
  /** a Schedule as JSON */
  text: string;
  enabled: boolean;
  /** ms since the epoch; undefined = it will not fire */
  nextAt?: number;
  /** the run that it started last */
  lastRun?: string;
  lastAt?: number;
}

/** A scoped token's facts. */
export interface GrantRow {
  tenant: string;
  id: string;
  run?: string;
  tag?: string;
  /** the wait that it may answer */
  wait?: string;
  access: 'read' | 'act';
  hide: string[];
  oneTime: boolean;
  expires: number;
  by: string;
  createdAt: number;
  /** when it was spent or revoked */
  endedAt?: number;
}

export interface StoredDefinition {
  name: string;
  hash: string;
  at: number;
  /** a WorkflowDefinition as JSON */
  text: string;
}

export interface BlobRow {
  sha256: string;
  bytes: number;
  type: string;
}
