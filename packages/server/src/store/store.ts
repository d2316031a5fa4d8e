import type { EventType, RunState, RunSummary } from '@millrace/protocol';
import type {
  BlobRow,
  ClaimRequest,
  DocumentRow,
  DueRow,
  GrantRow,
  KnowledgeBaseRow,
  LeaseKey,
  LeaseRow,
  QueueRow,
  RunKey,
  RunRow,
  RunRowQuery,
  ScheduleRow,
  SilentQuery,
  StoredDefinition,
  WaitQuery,
  WaitRow,
} from './rows.ts';

export type * from './rows.ts';
export { RunMap } from './run-map.ts';

/**
 * Where logs live. One interface, one conformance suite (`store.suite.ts`) over every implementation;
 * the memory store is the reference model.
 *
 * The contract:
 * - **Only the store makes a `seq`**, and finalises `at`: `at` = max(the part's, the run's last).
 * - A batch is one transaction: all of its accepted parts are written or none is. A part that fails its own
 *   fence or key drops out alone, is answered with the reason, and harms no neighbour.
 * - **The fence is the run row (head, ctl)**: a part is inserted only where the run has not ended and its `ctl`
 *   (seq of the last control event) still is what the part was decided on. Content does not move ctl.
 * - When `commit` resolves the batch is durable as far as the store promises (SQLite: synchronous=FULL) and
 *   every later read sees it. When it throws, nothing of it was written: `storage_full` (there is no room; it
 *   goes on when there is) or `storage_unavailable`.
 * - What is read of a log is the stored text, byte for byte, never parsed and written again. An event's full
 *   text is `{"seq":N,"at":T,` + the tail that was given.
 * - Queue, lease, due, slot, producer and run rows change only within a part, in the event's own transaction.
 *   (Two exceptions, which change no fact of a log: leases are renewed, and due rows that nobody can receive
 *   are dropped.) Within a part what goes, goes before what comes: `dequeueAll` and `enqueue` replace the rows.
 * - `tenant` leads every key. A run of another tenant is a run that does not exist.
 * - A batch may hold at most one part per run. At most one batch per run is in flight (the engine's duty).
 */
export interface Store {
  readonly capabilities: StoreCapabilities;

  /** The present epoch: sorts, made with the database, renewed when history may have been lost. */
  readonly epoch: string;

  /** Errors: `storage_full`, `storage_unavailable`; both mean that nothing of the batch was written. */
  commit(batch: Batch): Promise<CommitResult>;

  /**
   * Batches that the server `server` committed after its `n`-th, oldest first. For repair of lost hints. At
   * least the newest {@link COMMITS_KEPT} batches of a server are kept, and answered again when they are repeated.
   */
  commitsAfter(server: string, n: number, limit: number): Promise<CommitRow[]>;

  /**
   * The newest batch of each server that committed at or after `since` (ms since the epoch): where to look for batches
   * whose hints were lost.
   */
  lastCommits(since: number): Promise<{ server: string; n: number }[]>;

  runRow(key: RunKey): Promise<RunRow | undefined>;
  /** How far these logs reach now, by place; undefined = no such run. */
  heads(keys: readonly RunKey[]): Promise<({ head: number; ctl: number } | undefined)[]>;
  /** Newest first (by creation). `total` counts all that match, whatever `before` and `limit` say. */
  runRows(query: RunRowQuery): Promise<{ rows: RunRow[]; total: number }>;

  /**
   * Events after `after`, as many as fit (at least one where there is one). Where there is none the page is empty:
   * `seq` = after + 1, `through` = after. undefined = no such run.
   */
  readLog(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined>;
  /**
   * The control events after `after`, as many as fit. `through` is the last one's seq where more follow, and the
   * head (never less than `after`) when all were read. undefined = no such run.
   */
  readControl(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined>;

  /** The run's snapshot of this kind, if fold `fold` made it. */
  readSnapshot(key: RunKey, kind: SnapshotKind, fold: number): Promise<Snapshot | undefined>;
  /**
   * Replaces the run's snapshot of this kind where the new one has a greater seq or another fold. Of a run that
   * does not exist nothing is kept.
   */
  writeSnapshot(key: RunKey, kind: SnapshotKind, snapshot: Snapshot): Promise<void>;

  /** A producer's last accepted append, or undefined. */
  producer(key: RunKey, producer: string): Promise<ProducerState | undefined>;
  /** The run that an idempotency key created, with the hash of the body that did. */
  unique(tenant: string, scope: string, key: string): Promise<{ run: string; hash: string } | undefined>;

  /**
   * Queue rows that may be claimed at `now` for these tasks: priority first, then the order of queueing. All of an
   * answer may be claimed: a row whose slots or rate the rows before it use up is left out.
   */
  claimable(request: ClaimRequest): Promise<QueueRow[]>;
  /**
   * When the next queue row that is delayed beyond `now` becomes claimable, or the next start leaves the window of a
   * rate that queue rows wait for, in ms since the epoch; of all tenants.
   */
  nextClaimable(now: number): Promise<number | undefined>;

  /** Moves the end of leases that still exist and belong to `worker`; answers which did (by place). */
  renewLeases(worker: string, leases: readonly LeaseKey[], expires: number): Promise<boolean[]>;
  /** Leases that match all of these (`expiredAt`: expires ≤ it), of all tenants, those that end first first. */
  leases(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): Promise<LeaseRow[]>;

  /** Due rows with at ≤ `now`, of all tenants, earliest first, equal ones in the order of writing. */
  due(now: number, limit: number): Promise<DueRow[]>;
  /** When the earliest due row is due, in ms since the epoch. */
  nextDue(): Promise<number | undefined>;
  /** Removes due rows that no part can remove: their run has ended or does not exist. */
  dropDue(rows: readonly (RunKey & { key: string })[]): Promise<void>;

  /**
   * Writes due rows that no run's part writes: a schedule's next firing. Their `run` need not name a run. The same
   * (tenant, run, key) replaces the row.
   */
  putDue(rows: readonly DueRow[]): Promise<void>;

  /** Open waits, oldest first. `before` pages by (requestedAt, run, id) of the last row seen. */
  waits(query: WaitQuery): Promise<WaitRow[]>;

  /** Knowledge bases with the number of their documents by status, newest change first. */
  knowledgeBases(tenant: string, limit: number): Promise<KnowledgeBaseRow[]>;
  /** A knowledge base's documents, newest change first. */
  documents(tenant: string, kbId: string, limit: number): Promise<DocumentRow[]>;

  /** Runs of all tenants in these states whose last event is at or before `before`, oldest first. */
  silentRuns(query: SilentQuery): Promise<RunRow[]>;
  /**
   * Removes a run whole: log, rows, snapshots, producers, keys, grants. What is left is that it was there:
   * `wasDeleted`; its id is never used again. Slots that it holds stay taken, so it should have ended. A run under a
   * hold is left alone (false).
   */
  deleteRun(key: RunKey): Promise<boolean>;
  wasDeleted(key: RunKey): Promise<boolean>;
  /** A run under a legal hold is never deleted. Of a run that does not exist: false. */
  hold(key: RunKey, on: boolean): Promise<boolean>;

  putSchedule(tenant: string, schedule: ScheduleRow): Promise<void>;
  schedule(tenant: string, id: string): Promise<ScheduleRow | undefined>;
  schedules(tenant: string): Promise<ScheduleRow[]>;
  deleteSchedule(tenant: string, id: string): Promise<boolean>;

  /** Scoped tokens by id: what they allow is stored, so that they can be revoked and spent. */
  putGrant(grant: GrantRow): Promise<void>;
  grant(tenant: string, id: string): Promise<GrantRow | undefined>;
  /** Ends a grant; false = there was none, or it had ended. */
  revokeGrant(tenant: string, id: string, at: number): Promise<boolean>;

  /** Every stored version of a definition, newest first. */
  definitionVersions(tenant: string, name: string): Promise<StoredDefinition[]>;

  /** How many slots of a concurrency key are taken. */
  slotsUsed(tenant: string, queue: string, key: string): Promise<number>;

  /** Stores a definition under its name and hash and makes it the name's newest, also where it is stored already. */
  putDefinition(tenant: string, definition: StoredDefinition): Promise<void>;
  /** The newest definition of a name, or the one with this hash. */
  definition(tenant: string, name: string, hash?: string): Promise<StoredDefinition | undefined>;
  /** The newest definition of each name, by name. */
  definitions(tenant: string): Promise<StoredDefinition[]>;

  /** Stores bytes once under their SHA-256 (hex); storing them again changes nothing. */
  putBlob(tenant: string, blob: BlobRow, bytes: Uint8Array): Promise<void>;
  getBlob(tenant: string, sha256: string): Promise<(BlobRow & { data: Uint8Array }) | undefined>;

  /**
   * Compresses some of what is old of long logs; true = there is more. Every page stays what it was, byte for byte.
   */
  compact?(): Promise<boolean>;

  /** Rejects with what keeps the store from being written at present, and what to do. Without it there is nothing of the kind. */
  check?(): Promise<void>;

  /** Gives the room that deleted runs took back to the disk, in steps between which others get their turn. */
  reclaim?(): Promise<void>;

  close(): Promise<void>;
}

export interface StoreCapabilities {
  /** survives the process */
  durable: boolean;
  /** several servers may share it */
  shared: boolean;
}

export interface PageLimit {
  /** at least 1 */
  events: number;
  /** of the text, commas included; one event is always given, however large */
  bytes: number;
}

/** A stretch of a log as stored text: it covers `seq … through`. */
export interface LogPage {
  seq: number;
  through: number;
  /** the events' JSON texts, joined by "," */
  text: string;
  count: number;
  head: number;
  ctl: number;
  /** at of the log's last event */
  at: number;
  ended: boolean;
}

/** `view:CLASSES`: the view of a reader from whom these classes of events are hidden. */
export type SnapshotKind = 'control' | 'view' | `view:${string}`;

export interface Snapshot {
  seq: number;
  fold: number;
  text: string;
}

export interface Batch {
  /** this server's boot; new at every start */
  server: string;
  /** 1, 2, 3, … in this boot; a batch whose (server, n) is already there is not written twice */
  n: number;
  /** ms since the epoch */
  at: number;
  parts: Part[];
  /** what to look for in the queue as the batch leaves it: each is answered as {@link Store.claimable} answers it */
  asks?: ClaimRequest[];
}

/** How many of its newest batches a server can rely on finding again. */
export const COMMITS_KEPT = 10_000;

/** What a batch does to one run. */
export interface Part extends RunKey {
  /** 'new' = the run must not exist yet */
  fence: 'new' | { ctl: number };
  events: PartEvent[];
  /** the run's new summary where control events changed it; always with fence 'new' */
  row?: RunRowChange;
  producers?: ProducerChange[];
  unique?: { scope: string; key: string; hash: string };
  /** of this run; a node has one queue row, and a new one gets a new place in the order */
  enqueue?: QueueRow[];
  /** nodes whose queue rows go */
  dequeue?: string[];
  /** all queue rows of the run go */
  dequeueAll?: boolean;
  /** of this run; a node has one lease row, and a new one replaces it */
  lease?: LeaseRow[];
  /** nodes whose lease rows go */
  release?: string[];
  /** this part is written only if each of these leases is still there and expired at `at` (attempt.lost) */
  expired?: { node: string; attempt: number; at: number }[];
  /** told to this run or to another one of the tenant, which need not exist yet */
  due?: DueRow[];
  /** keys of due rows of this run that go */
  undue?: string[];
  /** all due rows that would be told to this run go */
  undueAll?: boolean;
  slots?: SlotChange[];
  /** starts that count against a rate, each for `per` ms; the part drops out (`slots`) where the window is full */
  starts?: { queue: string; key: string; limit: number; per: number; at: number }[];
  /** open waits, for the inbox; the same id replaces the row */
  waits?: WaitRow[];
  /** ids of waits that are open no more */
  unwait?: string[];
  /** all wait rows of the run go */
  unwaitAll?: boolean;
  /** what kb.* events told of documents: the last word on one stands, where it does not tell `bytes`, the known ones */
  documents?: DocumentRow[];
  /** grants that this part spends: it drops out (`grant`) where one has ended */
  spend?: { id: string; at: number }[];
}

export interface PartEvent {
  type: EventType;
  control: boolean;
  /** the event's JSON text after `"at":…,` — it begins with `"type":` and ends with `}` */
  text: string;
}

export interface RunRowChange {
  status: RunState;
  ended: boolean;
  /** stored as JSON; its `seq` is filled from the row's head when read. Owner, workflow and tags stay the first row's */
  summary: RunSummary;
  /** the queue that lists show the run in; the first row's stays */
  queue?: string;
}

export interface ProducerState {
  term: number;
  sequence: number;
  /** seq of the last event that its last append wrote */
  seq: number;
}

export interface ProducerChange {
  id: string;
  term: number;
  sequence: number;
  /** what the decision saw: if the row is not this, the part drops out */
  was: { term: number; sequence: number } | null;
  /** place in `events` of the last event of this append */
  last: number;
}

export interface SlotChange {
  queue: string;
  key: string;
  delta: number;
  /** with a positive delta: the part drops out (`slots`) where more than this many would be taken after it */
  limit?: number;
}

export type PartResult =
  | { ok: true /** seq of the first event */; first: number /** ms, of every event of the part */; at: number }
  | { ok: false; reason: PartRefusal };

/**
 * Why a part dropped out; where several hold, the first of this order.
 * `missing`/`exists`: no such run / there is one. `ended`: the run has ended. `conflict`: ctl has moved; decide again.
 * `lease`, `producer`, `unique`: that row is not what the decision saw. `slots`: a key or rate has no room.
 * `grant`: it has ended, or there is none. A run that was deleted `exists` where a new one wants its id.
 */
export type PartRefusal =
  | 'missing'
  | 'exists'
  | 'ended'
  | 'conflict'
  | 'lease'
  | 'producer'
  | 'unique'
  | 'slots'
  | 'grant';

export interface CommitResult {
  /** in the order of the batch's parts */
  parts: PartResult[];
  /** by place of the batch's asks; it may be missing: the batch was found to be written, or what it left cannot be read */
  claimable?: QueueRow[][];
}

export interface CommitRow {
  server: string;
  n: number;
  at: number;
  /** the head of each run that the batch wrote to */
  heads: { tenant: string; run: string; head: number }[];
}

/** The full text of an event. */
export function eventText(seq: number, at: number, tail: string): string {
  return `{"seq":${seq},"at":${at},${tail}`;
}
