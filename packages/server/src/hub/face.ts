import type { Clock, Json, Problem, RunCommand, RunFilter } from '@millrace/protocol';
import type { Auth, Principal } from '../auth/auth.ts';
import type { Bus } from '../bus/bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunKey, Store } from '../store/store.ts';
import type { Connection } from '../transport/transport.ts';

/**
 * Brings logs and lists to whoever follows them. It reads the store, hears the bus, and never writes a log:
 * commands go out through `submit`. What it promises each subscription of a run: every event after the cursor
 * once and in order, whatever the bus loses and however slow the reader is.
 */
export interface Hub {
  /** the present epoch of the store's cursors */
  readonly epoch: string;
  /** A connection that speaks the native frames. The hub answers with `hello` at once. */
  connect(principal: Principal, connection: Connection): Session;
  /**
   * Follows one run in another encoding (SSE, dialects). Nothing is written before `start`, so a refusal can
   * still be an HTTP error. Errors: forbidden, run_not_found, invalid_cursor, shutting_down.
   */
  follow(request: Follow): Promise<Following>;
  /** Looks at once for commits whose hints were lost, as the hub does every second by itself. */
  recheck(): Promise<void>;
  /** A scoped token's grant has ended: its connections are ended now, and not at the next look at the store. */
  revoked(tenant: string, grant: string): void;
  /**
   * Drains: says goodbye to every connection and takes no new ones. Cursors stay valid elsewhere. Each is told to stay
   * away for `retryAfter` seconds of its own, so that they do not all come to the next server at once.
   */
  stop(reason: string, retryAfter?: (connections: number) => number): void;
}

/** The hub's end of one native connection. */
export interface Session {
  /** One message of the client: a frame, or an array of frames. Never throws; a bad one is answered. */
  receive(text: string): void;
  /** The connection is gone: everything that it held is let go. */
  closed(): void;
}

export interface Follow {
  principal: Principal;
  run: string;
  /** a cursor; without one the log is sent from its first event, unless a snapshot is wanted */
  after?: string;
  filter?: RunFilter;
  /** without a cursor: the view at head, then what follows */
  snapshot?: boolean;
}

export interface Following {
  readonly head: number;
  /** the run has ended and the cursor stands at its last event: there is nothing left to send, ever */
  readonly drained: boolean;
  /** Writes what the run has and will have. The connection is closed once an ended run's log is written. */
  start(connection: Connection, encoding: Encoding): void;
  /** The connection is gone, or was never made. */
  close(): void;
}

/** How the hub's words are spelled on a wire. Bytes are built once per encoding and shared by its readers. */
export interface Encoding {
  /** equal names spell equally */
  readonly name: string;
  range(range: SeenRange, key: string): Buffer;
  /** `view` is the JSON text of the RunView */
  snapshot(place: Place, view: string): Buffer;
  gap(place: Place, gap: Gap): Buffer;
  problem(problem: Problem, key: string): Buffer;
  bye(reason: string, problem: Problem): Buffer;
  /** Makes one message of all that one turn produced, at least two. */
  join(messages: readonly Buffer[]): Buffer;
}

/** A stretch of a log as a reader sees it: covers `seq … through`; `events` may be fewer, or none. */
export interface SeenRange extends RunKey {
  readonly seq: number;
  readonly through: number;
  /** the JSON texts of the events that are seen, joined by "," */
  readonly text: string;
  /** the same one by one */
  events(): readonly { seq: number; text: string }[];
}

/** Where in which subscription something stands. */
export interface Place {
  key: string;
  run: string;
  seq: number;
}

/** A cursor that cannot be served, and what the log holds. */
export interface Gap {
  requested: string;
  earliest: number;
  latest: number;
}

export interface HubOptions {
  store: Store;
  bus: Bus;
  clock: Clock;
  metrics: Metrics;
  /** for a token that a connection renews */
  auth: Pick<Auth, 'verify'>;
  /** this server's boot, told in `hello` */
  server: string;
  /** Resolves after the commit; rejects with a MillraceError. The hub has checked that the run may be seen. */
  submit: Submit;
}

export type Submit = (
  principal: Principal,
  run: string,
  command: RunCommand,
  options: { key?: string; ctl?: number },
) => Promise<{ seq: number; result?: Json }>;

/** bytes that may wait in a connection before its subscriptions leave the live set */
export const OUTBOX_LIMIT = 256 * 1024;
/** bytes of one message of a client */
export const MESSAGE_LIMIT = 1024 * 1024;
/** run and list subscriptions of one connection */
export const SUBSCRIPTION_LIMIT = 1_000;
