import type { Problem } from './error.ts';
import type { EventType, RunEvent } from './event.ts';
import type { Json } from './json.ts';
import type { RunSummary, RunView } from './view.ts';

/**
 * The native wire, version {@link WIRE}: WebSocket subprotocol `millrace.v1`, one JSON object per message or a
 * JSON array of them. SSE and JSON pages carry the same events.
 */
export const WIRE = 1;
export const SUBPROTOCOL = 'millrace.v1';

/** ms between two heartbeats of a connection; it is dead after two without one */
export const HEARTBEAT_MS = 30_000;

/**
 * A stretch of a log: it covers `seq … through`, and `events` are those of them that the reader may see.
 * The reader's one rule: accept iff seq ≤ cursor+1 ≤ through, drop events ≤ cursor, set cursor = through.
 * A later one is a gap, an earlier one a repeat.
 */
export interface EventRange {
  run: string;
  seq: number;
  through: number;
  events: RunEvent[];
}

/** What a subscription to a run leaves out. Two subscriptions with the same filter share their bytes. */
export interface RunFilter {
  types?: EventType[];
  nodes?: string[];
  agents?: string[];
}

/** What a list shows: the runs that match all of these; without `tag`, `workflow` … all that you may see. */
export interface ListQuery {
  owner?: string;
  workflow?: string;
  tag?: string;
  queue?: string;
  status?: string[];
  /** rows, newest first; default 50, at most 500 */
  limit?: number;
}

/** Client → server. `id` is the client's and comes back in the answer. */
export type ClientFrame =
  | { type: 'hello'; token?: string; client?: string }
  /** `after`: a cursor; without one the answer is a snapshot at head, then live */
  | { type: 'subscribe'; id: number; run: string; after?: string; filter?: RunFilter }
  | { type: 'unsubscribe'; id: number; run: string; filter?: RunFilter }
  /**
   * `events`: each run of the list is followed too, under the key `RUN|ID` (ID = this frame's): from its cursor in
   * `after` (by run), else from its first event
   */
  | { type: 'list'; id: number; query: ListQuery; events?: boolean; after?: Record<string, string> }
  | { type: 'unlist'; id: number; list: number }
  | { type: 'command'; id: number; run: string; command: RunCommand; key?: string; ctl?: number }
  | { type: 'token'; id: number; token: string }
  | { type: 'ping'; at: number };

/** Server → client. `key` names a subscription: the run's id, `RUN|FILTER` as the `ok` answer told it, or
 * `RUN|LIST` for a run of a list with events. */
export type ServerFrame =
  | { type: 'hello'; wire: number; epoch: string; server: string; heartbeat: number; user?: string }
  /** the answer to a frame with an id */
  | { type: 'ok'; id: number; key?: string; head?: number; result?: Json }
  | { type: 'error'; id?: number; key?: string; problem: Problem }
  | ({ type: 'range'; key: string } & EventRange)
  | { type: 'snapshot'; key: string; run: string; seq: number; view: RunView }
  /** the cursor cannot be served: what was asked, and what the log holds. A snapshot follows. */
  | { type: 'gap'; key: string; run: string; requested: string; earliest: number; latest: number }
  /** the list's rows, whole; `list` is the id of the `list` frame */
  | { type: 'rows'; list: number; rows: RunSummary[]; total: number }
  | { type: 'row'; list: number; row: RunSummary }
  | { type: 'gone'; list: number; run: string }
  | { type: 'pong'; at: number; now: number }
  /** the server closes this transport; come back with the same cursors */
  | { type: 'bye'; reason: string; problem?: Problem };

/** What a user asks of a run. Each is recorded with who gave it. */
export type RunCommand =
  | { type: 'pause'; reason?: string }
  | { type: 'resume'; reason?: string }
  | { type: 'cancel'; reason?: string }
  | { type: 'approve'; approvalId: string; decision: string; comment?: string }
  | { type: 'provide'; inputId: string; value: Json };

/** What a page of a log is over HTTP. `next` is the cursor of the following page. */
export interface EventPage extends EventRange {
  next: string;
  head: number;
  /** true = the run has ended and this page reaches its last event */
  done: boolean;
}

/** A filter's one spelling, so that equal filters share one subscription key. An empty list filters nothing. */
export function filterKey(run: string, filter: RunFilter | undefined): string {
  const part = (list: readonly string[] | undefined) => (list?.length ? [...new Set(list)].sort() : null);
  const parts = [part(filter?.types), part(filter?.nodes), part(filter?.agents)];
  return parts.every((list) => list === null) ? run : `${run}|${JSON.stringify(parts)}`;
}

/** Whether a filtered subscription shows the event. Lifecycle of the run itself always passes. */
export function passes(event: RunEvent, filter: RunFilter): boolean {
  if (event.type.startsWith('run.')) return true;
  if (filter.types?.length && !filter.types.includes(event.type)) return false;
  if (filter.nodes?.length && (event.node === undefined || !filter.nodes.includes(event.node))) return false;
  if (filter.agents?.length) {
    const agent = (event.data as { agentId?: string }).agentId;
    if (agent === undefined || !filter.agents.includes(agent)) return false;
  }
  return true;
}
