import { randomUUID } from 'node:crypto';
import type {
  Batch,
  BlobRow,
  ClaimRequest,
  CommitResult,
  CommitRow,
  DocumentRow,
  DueRow,
  GrantRow,
  KnowledgeBaseRow,
  LeaseKey,
  LeaseRow,
  LogPage,
  PageLimit,
  ProducerState,
  QueueRow,
  RunKey,
  RunRow,
  RunRowQuery,
  ScheduleRow,
  SilentQuery,
  Snapshot,
  SnapshotKind,
  Store,
  StoredDefinition,
  WaitQuery,
  WaitRow,
} from './store.ts';
import { commitBatch } from './store-postgres-commit.ts';
import { postgresCommits } from './store-postgres-commits.ts';
import { PostgresDatabase, type PostgresOptions } from './store-postgres-database.ts';
import { postgresDeleted } from './store-postgres-deleted.ts';
import { postgresDocuments } from './store-postgres-documents.ts';
import { postgresLog } from './store-postgres-log.ts';
import { postgresQueue } from './store-postgres-queue.ts';
import { postgresRuns } from './store-postgres-runs.ts';
import { postgresWork } from './store-postgres-work.ts';

/**
 * Opens the store of a Postgres database, 14 or later, and brings its layout up to date. Any number of servers may
 * share it. It recovers by itself when the database was away.
 *
 * Errors: `config_invalid` (no such address can be), `storage_unavailable` (the detail says what to do),
 * `storage_full`, `database_too_new`.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<PostgresStore> {
  return new PostgresStore(await PostgresDatabase.open(options));
}

/** A store in a Postgres database. A commit is one statement, and every question another. */
export class PostgresStore implements Store {
  readonly capabilities = { durable: true, shared: true };

  readonly #database: PostgresDatabase;
  readonly #runs: ReturnType<typeof postgresRuns>;
  readonly #log: ReturnType<typeof postgresLog>;
  readonly #queue: ReturnType<typeof postgresQueue>;
  readonly #work: ReturnType<typeof postgresWork>;
  readonly #commits: ReturnType<typeof postgresCommits>;
  readonly #documents: ReturnType<typeof postgresDocuments>;
  readonly #deleted: ReturnType<typeof postgresDeleted>;

  constructor(database: PostgresDatabase) {
    const { connection } = database;
    this.#database = database;
    this.#runs = postgresRuns(connection);
    this.#log = postgresLog(connection, database.numbers);
    this.#queue = postgresQueue(connection, randomUUID());
    this.#work = postgresWork(connection);
    this.#commits = postgresCommits(connection);
    this.#documents = postgresDocuments(connection);
    this.#deleted = postgresDeleted(connection);
  }

  /** It changes when the connection finds another history than before: after a failover or a restore. */
  get epoch(): string {
    return this.#database.epoch;
  }

  /** Throws `storage_unavailable`, with what to do about it, while the database cannot be used. */
  check(): Promise<void> {
    return this.#database.check();
  }

  commit(batch: Batch): Promise<CommitResult> {
    return commitBatch({ database: this.#database, queue: this.#queue }, batch);
  }

  commitsAfter(server: string, n: number, limit: number): Promise<CommitRow[]> {
    return this.#commits.after(server, n, limit);
  }

  lastCommits(since: number): Promise<{ server: string; n: number }[]> {
    return this.#commits.last(since);
  }

  runRow(key: RunKey): Promise<RunRow | undefined> {
    return this.#runs.row(key);
  }

  heads(keys: readonly RunKey[]): Promise<({ head: number; ctl: number } | undefined)[]> {
    return this.#runs.heads(keys);
  }

  runRows(query: RunRowQuery): Promise<{ rows: RunRow[]; total: number }> {
    return this.#runs.rows(query);
  }

  silentRuns(query: SilentQuery): Promise<RunRow[]> {
    return this.#runs.silent(query);
  }

  deleteRun(key: RunKey): Promise<boolean> {
    return this.#deleted.bury(key);
  }

  wasDeleted(key: RunKey): Promise<boolean> {
    return this.#deleted.has(key);
  }

  hold(key: RunKey, on: boolean): Promise<boolean> {
    return this.#deleted.hold(key, on);
  }

  readLog(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    return this.#log.page(key, after, limit);
  }

  readControl(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    return this.#log.controlPage(key, after, limit);
  }

  readSnapshot(key: RunKey, kind: SnapshotKind, fold: number): Promise<Snapshot | undefined> {
    return this.#log.readSnapshot(key, kind, fold);
  }

  writeSnapshot(key: RunKey, kind: SnapshotKind, snapshot: Snapshot): Promise<void> {
    return this.#log.writeSnapshot(key, kind, snapshot);
  }

  producer(key: RunKey, producer: string): Promise<ProducerState | undefined> {
    return this.#log.producer(key, producer);
  }

  unique(tenant: string, scope: string, key: string): Promise<{ run: string; hash: string } | undefined> {
    return this.#log.unique(tenant, scope, key);
  }

  claimable(request: ClaimRequest): Promise<QueueRow[]> {
    return this.#queue.claimable(request);
  }

  nextClaimable(now: number): Promise<number | undefined> {
    return this.#queue.next(now);
  }

  slotsUsed(tenant: string, queue: string, key: string): Promise<number> {
    return this.#queue.slotsUsed(tenant, queue, key);
  }

  renewLeases(worker: string, leases: readonly LeaseKey[], expires: number): Promise<boolean[]> {
    return this.#work.renewLeases(worker, leases, expires);
  }

  leases(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): Promise<LeaseRow[]> {
    return this.#work.leases(query);
  }

  due(now: number, limit: number): Promise<DueRow[]> {
    return this.#work.due(now, limit);
  }

  nextDue(): Promise<number | undefined> {
    return this.#work.nextDue();
  }

  dropDue(rows: readonly (RunKey & { key: string })[]): Promise<void> {
    return this.#work.dropDue(rows);
  }

  putDue(rows: readonly DueRow[]): Promise<void> {
    return this.#work.putDue(rows);
  }

  waits(query: WaitQuery): Promise<WaitRow[]> {
    return this.#work.waits(query);
  }

  knowledgeBases(tenant: string, limit: number): Promise<KnowledgeBaseRow[]> {
    return this.#documents.knowledgeBases(tenant, limit);
  }

  documents(tenant: string, kbId: string, limit: number): Promise<DocumentRow[]> {
    return this.#documents.documents(tenant, kbId, limit);
  }

  putSchedule(tenant: string, schedule: ScheduleRow): Promise<void> {
    return this.#documents.putSchedule(tenant, schedule);
  }

  schedule(tenant: string, id: string): Promise<ScheduleRow | undefined> {
    return this.#documents.schedule(tenant, id);
  }

  schedules(tenant: string): Promise<ScheduleRow[]> {
    return this.#documents.schedules(tenant);
  }

  deleteSchedule(tenant: string, id: string): Promise<boolean> {
    return this.#documents.deleteSchedule(tenant, id);
  }

  putGrant(grant: GrantRow): Promise<void> {
    return this.#documents.putGrant(grant);
  }

  grant(tenant: string, id: string): Promise<GrantRow | undefined> {
    return this.#documents.grant(tenant, id);
  }

  revokeGrant(tenant: string, id: string, at: number): Promise<boolean> {
    return this.#documents.revokeGrant(tenant, id, at);
  }

  putDefinition(tenant: string, definition: StoredDefinition): Promise<void> {
    return this.#documents.putDefinition(tenant, definition);
  }

  definition(tenant: string, name: string, hash?: string): Promise<StoredDefinition | undefined> {
    return this.#documents.definition(tenant, name, hash);
  }

  definitions(tenant: string): Promise<StoredDefinition[]> {
    return this.#documents.definitions(tenant);
  }

  definitionVersions(tenant: string, name: string): Promise<StoredDefinition[]> {
    return this.#documents.definitionVersions(tenant, name);
  }

  putBlob(tenant: string, blob: BlobRow, bytes: Uint8Array): Promise<void> {
    return this.#documents.putBlob(tenant, blob, bytes);
  }

  getBlob(tenant: string, sha256: string): Promise<(BlobRow & { data: Uint8Array }) | undefined> {
    return this.#documents.getBlob(tenant, sha256);
  }

  reclaim(): Promise<void> {
    return this.#deleted.reclaim();
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
