import type { Clock, Json, ListQuery, Problem, RunCommand, RunFilter, RunView } from '@millrace/protocol';
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
  /** A connection of a dialect: what it follows is opened one by one, and all of it goes out in one write a turn. */
  attach(request: Attach): Attached;
  /** Looks at once for commits whose hints were lost, as the hub does every second by itself. */
  recheck(): Promise<void>;
  /** How many readers of runs have not been sent everything, and how many events that is in all. */
  lag(): { readers: number; events: number };
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

export interface Attach {
  principal: Principal;
  connection: Connection;
  /** spells what is about the connection as a whole; its name is never compared */
  encoding: Encoding;
}

/** The hub's end of a dialect's connection. It has ended when the connection is closed, by whichever side. */
export interface Attached {
  /** this very moment, in ms since the epoch */
  now(): number;
  /**
   * Follows a run under `key`, which nothing may be followed under yet. Nothing of it is written before `begin`.
   * Errors: forbidden, run_not_found, invalid_cursor, subscription_limit.
   */
  follow(request: AttachedRun): Promise<{ head: number; begin(): void }>;
  /** Follows every run that is in a room, as runs come. Errors: forbidden, subscription_limit. */
  room(request: AttachedRoom): void;
  /** The view at head of the run that is followed under a key, as JSON text. Errors: run_not_found, run_deleted. */
  view(key: string): Promise<{ seq: number; text: string }>;
  /** Whether a run or room is followed, or being opened, under a key. */
  follows(key: string): boolean;
  /** Ends what is followed under a key. */
  unfollow(key: string): void;
  /** false = a room is still looking for its runs: who would come back with `places` might miss some */
  readonly settled: boolean;
  /** How far each run was written, `run` where it is one of a room: of those at most the {@link ROOM_CURSORS} that moved last. */
  places(): { key: string; run?: string; seq: number }[];
  /** Gives a run a command; resolves after the commit. Errors: forbidden, run_not_found, and the command's own. */
  command(
    run: string,
    command: RunCommand,
    about?: { key?: string; ctl?: number },
  ): Promise<{ seq: number; result?: Json }>;
  /** Writes packets of the dialect's own, in order with what is followed. */
  send(message: Buffer): void;
  /** Writes at once what was sent, even if that is nothing: what is followed has changed, and the client is to know. */
  mark(): void;
  /** Writes what is left and closes the connection. */
  end(code: number, reason: string): void;
  /** The connection is gone. */
  closed(): void;
}

export interface AttachedRun {
  key: string;
  run: string;
  encoding: Encoding;
  /** a cursor; without one the log is sent from its first event, unless a snapshot is wanted */
  after?: string;
  filter?: RunFilter;
  snapshot?: boolean;
  /** the whole log is sent where the cursor cannot be served, and not a snapshot */
  anew?: boolean;
}

export interface AttachedRoom {
  key: string;
  /** the runs of the room; those that have ended before are left out */
  query: Omit<ListQuery, 'limit' | 'status'>;
  encoding: Encoding;
  filter?: RunFilter;
  /** whether runs that are under way are sent from their first event, or from now on; later ones come whole */
  from: 'start' | 'now';
  /** where a client that comes back stands: how far each run was written at that time, and when that was (ms) */
  back?: { at: number; cursors: ReadonlyMap<string, number> } | undefined;
}

/** How the hub's words are spelled on a wire. Bytes are built once per encoding and shared by its readers. */
export type Encoding = RangeEncoding | TaleEncoding;

/** Events are spelled by themselves. */
export interface RangeEncoding extends Spelling {
  range(range: SeenRange, key: string): Buffer;
  tale?: undefined;
}

/** Events are spelled by the view that each leads to. */
export interface TaleEncoding extends Spelling {
  /** `view`: the fold of everything before the range. It is never changed: `view` answers a new one. Empty = nothing is sent. */
  tale(range: SeenRange, key: string, view: RunView): { message: Buffer; view: RunView };
  range?: undefined;
}

interface Spelling {
  /** equal names spell equally */
  readonly name: string;
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
/** runs of one room whose cursors are told */
export const ROOM_CURSORS = 50;
