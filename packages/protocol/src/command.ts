import type { Lineage, NewEvent, RunOptions } from './event.ts';
import type { GraphNode } from './graph.ts';
import type { Json } from './json.ts';

/** What starts a run: the body of `POST /api/runs`. */
export interface CreateRun {
  workflow: string;
  input?: Json;
  /** a definition to run once instead of the registered one */
  nodes?: GraphNode[];
  options?: RunOptions;
  tags?: string[];
  /** another system executes and appends */
  external?: boolean;
  lineage?: Lineage;
}

/**
 * Who appends, so that a repeat is answered with the first answer and a hole is refused with `producer_gap`.
 * `term` fences: a smaller one than the newest is refused with `stale_producer` (a lease: `stale_attempt`).
 * `sequence` counts appends of this producer in this run and term, from 1.
 */
export interface Producer {
  id: string;
  term: number;
  sequence: number;
}

export interface AppendAnswer {
  /** seq of the last event written by this append */
  seq: number;
  /** true = this append had been written before; nothing was written now */
  repeated?: boolean;
}

export interface Append {
  events: NewEvent[];
  producer?: Producer;
}

/**
 * Starts a new run from what an ended one has left: from its start, from its failed nodes, or from a finished node or
 * step, whose result and all that follows from it are done again. Inherited results are copied with `reused`.
 */
export interface RetryRun {
  from: 'start' | 'failed' | { node: string; step?: string };
  /** replaces the run's input; only with from: 'start' */
  input?: Json;
}

/** Starts a new run from the state that a run had at `seq`. */
export interface ForkRun {
  seq: number;
}

/** Starts runs of a workflow at the times that `cron` names, or every so many ms. Exactly one of the two. */
export interface Schedule {
  id: string;
  workflow: string;
  input?: Json;
  /** five or six fields, as croner reads them */
  cron?: string;
  /** ms, at least 1,000 */
  every?: number;
  /** IANA name, e.g. Europe/Berlin; default UTC */
  timezone?: string;
  enabled: boolean;
  tags?: string[];
  options?: RunOptions;
}

/** A registered workflow: data, stored by content hash. */
export interface WorkflowDefinition {
  name: string;
  title?: string;
  description?: string;
  nodes: GraphNode[];
  /** JSON Schema of the run's input; an input that fails it is refused with `input_invalid` */
  input?: Json;
  /** shown by the start form */
  example?: Json;
}

/** HTTP headers of an idempotent append and of an idempotent create. */
export const PRODUCER_HEADERS = { id: 'producer-id', term: 'producer-term', sequence: 'producer-sequence' } as const;
export const IDEMPOTENCY_HEADER = 'idempotency-key';
