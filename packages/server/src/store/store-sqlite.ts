import { MillraceError } from '@millrace/protocol/error';
import Database from 'better-sqlite3';
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
import { compactChunks } from './store-sqlite-compaction.ts';
import { type OpenDatabase, openDatabase, type SqliteOptions } from './store-sqlite-database.ts';
import type { Head } from './store-sqlite-heads.ts';
import { type SqliteTables, sqliteTables } from './store-sqlite-tables.ts';
import { SqliteWriter } from './store-sqlite-writer.ts';

/**
 * Opens the store of a data folder, or makes it. Close it before the process ends; a process that does not get to
 * that loses nothing that was acknowledged (at `synchronous: 'FULL'`).
 *
 * Errors: `data_folder_in_use`, `database_corrupt`, `database_too_new`; then nothing was changed. `storage_full`,
 * `storage_unavailable`.
 */
export function openSqliteStore(options: SqliteOptions): SqliteStore {
  try {
    return new SqliteStore(openDatabase(options));
  } catch (error) {
    throw failureOf(error);
  }
}

/**
 * A store in one SQLite file. Every call is done when it returns; a commit is one transaction. It writes a journal
 * first and the tables of its runs later ({@link SqliteWriter}); what is read is both together.
 */
export class SqliteStore implements Store {
  readonly capabilities: Store['capabilities'];
  readonly epoch: string;

  readonly #open: OpenDatabase;
  readonly #tables: SqliteTables;
  readonly #transaction: (work: () => unknown) => unknown;
  readonly #writer: SqliteWriter;

  constructor(open: OpenDatabase) {
    const { db, epoch } = open;
    this.capabilities = { durable: !db.memory, shared: false };
    this.epoch = epoch;
    this.#open = open;
    this.#tables = sqliteTables(db);
    this.#transaction = db.transaction((work: () => unknown) => work()).immediate;
    this.#writer = new SqliteWriter(this.#tables, this.#transaction, open.late);
  }

  async commit(batch: Batch): Promise<CommitResult> {
    const result = this.#read(() => this.#writer.commit(batch));
    return batch.asks ? { ...result, ...this.#found(batch.asks) } : result;
  }

  /** The commit is done: what cannot be read now is left out. */
  #found(asks: readonly ClaimRequest[]): Pick<CommitResult, 'claimable'> {
    try {
      return { claimable: asks.map((ask) => this.#tables.queue.claimable(ask)) };
    } catch {
      return {};
    }
  }

  async commitsAfter(server: string, n: number, limit: number): Promise<CommitRow[]> {
    return this.#read(() => this.#tables.commits.after(server, n, limit, this.#tables.places.key));
  }

  async lastCommits(since: number): Promise<{ server: string; n: number }[]> {
    return this.#read(() => this.#tables.commits.last(since));
  }

  async runRow(key: RunKey): Promise<RunRow | undefined> {
    return this.#read(() => this.#tables.runs.row(key));
  }

  async heads(keys: readonly RunKey[]): Promise<({ head: number; ctl: number } | undefined)[]> {
    return this.#read(() =>
      keys.map((key) => {
        const found = this.#tables.places.find(key);
        return found && { head: found.head, ctl: found.ctl };
      }),
    );
  }

  async runRows(query: RunRowQuery): Promise<{ rows: RunRow[]; total: number }> {
    return this.#listed(() => this.#tables.runs.rows(query));
  }

  async silentRuns(query: SilentQuery): Promise<RunRow[]> {
    return this.#listed(() => this.#tables.runs.silent(query));
  }

  /** Nobody sees the run from the first step on; its events go in further ones. */
  async deleteRun(key: RunKey): Promise<boolean> {
    const { deleted, places, leases } = this.#tables;
    const head = this.#read(() => places.find(key));
    if (!head) return false;
    const buried = this.#read(() =>
      this.#writer.settling(() => {
        this.#writer.settle(head);
        return deleted.bury(key);
      }),
    );
    if (!buried) return false;
    places.drop(head);
    leases.forget(head.id);
    await this.#sweep();
    return true;
  }

  async #sweep(): Promise<void> {
    while (this.#write(() => this.#tables.deleted.sweep())) await turn();
  }

  async wasDeleted(key: RunKey): Promise<boolean> {
    return this.#read(() => this.#tables.deleted.has(key));
  }

  async hold(key: RunKey, on: boolean): Promise<boolean> {
    return this.#listed(() => this.#tables.deleted.hold(key, on));
  }

  async readLog(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    return this.#ofRun(key, (run) => this.#tables.chunks.page(run, after, limit));
  }

  async readControl(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    return this.#ofRun(key, (run) => this.#tables.chunks.controlPage(run, after, limit));
  }

  async readSnapshot(key: RunKey, kind: SnapshotKind, fold: number): Promise<Snapshot | undefined> {
    return this.#ofRun(key, (run) => this.#tables.snapshots.read(run.id, kind, fold));
  }

  async writeSnapshot(key: RunKey, kind: SnapshotKind, snapshot: Snapshot): Promise<void> {
    this.#ofRun(key, (run) => this.#tables.snapshots.write(run.id, kind, snapshot));
  }

  async producer(key: RunKey, producer: string): Promise<ProducerState | undefined> {
    return this.#ofRun(key, (run) => producerOf(this.#tables, run, producer));
  }

  async unique(tenant: string, scope: string, key: string): Promise<{ run: string; hash: string } | undefined> {
    return this.#read(() => this.#tables.keys.unique(tenant, scope, key));
  }

  async claimable(request: ClaimRequest): Promise<QueueRow[]> {
    return this.#read(() => this.#tables.queue.claimable(request));
  }

  async nextClaimable(now: number): Promise<number | undefined> {
    return this.#read(() => this.#tables.queue.next(now));
  }

  async renewLeases(worker: string, leases: readonly LeaseKey[], expires: number): Promise<boolean[]> {
    return this.#write(() =>
      leases.map((lease) => this.#tables.leases.renew(this.#tables.places.find(lease)?.id, worker, lease, expires)),
    );
  }

  async leases(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): Promise<LeaseRow[]> {
    return this.#read(() => this.#tables.leases.list(query));
  }

  async due(now: number, limit: number): Promise<DueRow[]> {
    return this.#read(() => this.#tables.due.list(now, limit));
  }

  async nextDue(): Promise<number | undefined> {
    return this.#read(() => this.#tables.due.next());
  }

  async dropDue(rows: readonly (RunKey & { key: string })[]): Promise<void> {
    this.#write(() => {
      for (const row of rows) this.#tables.due.drop(row, row.key);
    });
  }

  async putDue(rows: readonly DueRow[]): Promise<void> {
    this.#write(() => {
      for (const row of rows) this.#tables.due.put(row);
    });
  }

  async waits(query: WaitQuery): Promise<WaitRow[]> {
    return this.#read(() => this.#tables.waits.list(query));
  }

  async knowledgeBases(tenant: string, limit: number): Promise<KnowledgeBaseRow[]> {
    return this.#read(() => this.#tables.knowledge.bases(tenant, limit));
  }

  async documents(tenant: string, kbId: string, limit: number): Promise<DocumentRow[]> {
    return this.#read(() => this.#tables.knowledge.list(tenant, kbId, limit));
  }

  async putSchedule(tenant: string, schedule: ScheduleRow): Promise<void> {
    this.#write(() => this.#tables.schedules.put(tenant, schedule));
  }

  async schedule(tenant: string, id: string): Promise<ScheduleRow | undefined> {
    return this.#read(() => this.#tables.schedules.find(tenant, id));
  }

  async schedules(tenant: string): Promise<ScheduleRow[]> {
    return this.#read(() => this.#tables.schedules.list(tenant));
  }

  async deleteSchedule(tenant: string, id: string): Promise<boolean> {
    return this.#write(() => this.#tables.schedules.drop(tenant, id));
  }

  async putGrant(grant: GrantRow): Promise<void> {
    this.#write(() => this.#tables.grants.put(grant));
  }

  async grant(tenant: string, id: string): Promise<GrantRow | undefined> {
    return this.#read(() => this.#tables.grants.find(tenant, id));
  }

  async revokeGrant(tenant: string, id: string, at: number): Promise<boolean> {
    return this.#write(() => this.#tables.grants.end(tenant, id, at));
  }

  async slotsUsed(tenant: string, queue: string, key: string): Promise<number> {
    return this.#read(() => this.#tables.gates.slotsUsed(tenant, queue, key));
  }

  async putDefinition(tenant: string, definition: StoredDefinition): Promise<void> {
    this.#write(() => this.#tables.documents.putDefinition(tenant, definition));
  }

  async definition(tenant: string, name: string, hash?: string): Promise<StoredDefinition | undefined> {
    return this.#read(() => this.#tables.documents.definition(tenant, name, hash));
  }

  async definitions(tenant: string): Promise<StoredDefinition[]> {
    return this.#read(() => this.#tables.documents.definitions(tenant));
  }

  async definitionVersions(tenant: string, name: string): Promise<StoredDefinition[]> {
    return this.#read(() => this.#tables.documents.definitionVersions(tenant, name));
  }

  async putBlob(tenant: string, blob: BlobRow, bytes: Uint8Array): Promise<void> {
    this.#write(() => this.#tables.documents.putBlob(tenant, blob, bytes));
  }

  async getBlob(tenant: string, sha256: string): Promise<(BlobRow & { data: Uint8Array }) | undefined> {
    return this.#read(() => this.#tables.documents.getBlob(tenant, sha256));
  }

  /** Sets the limit of `maxPages` anew. What was refused with `storage_full` goes on when there is room again. */
  limitPages(pages: number): void {
    this.#open.db.pragma(`max_page_count = ${pages}`);
  }

  /** Gives up to so many free pages back to the disk, synced; answers how many are left. */
  vacuum(pages: number): number {
    return this.#read(() => this.#tables.deleted.vacuum(pages));
  }

  async compact(): Promise<boolean> {
    return compactChunks(this.#open.db, (work) => this.#write(work), turn);
  }

  async reclaim(): Promise<void> {
    this.#read(() => this.#writer.settleAll());
    await this.#sweep();
    while (this.vacuum(VACUUM_STEP) > 0) await turn();
    // Only a checkpoint makes the file itself shorter.
    this.#read(() => this.#open.db.pragma('wal_checkpoint(TRUNCATE)'));
  }

  async close(): Promise<void> {
    if (!this.#open.db.open) return;
    try {
      this.#writer.settleAll();
    } catch {
      // On a full disk it stays in the journal.
    }
    this.#read(() => this.#open.close());
  }

  #ofRun<Answer>(key: RunKey, read: (run: Head) => Answer): Answer | undefined {
    return this.#read(() => {
      const run = this.#tables.places.find(key);
      return run && read(run);
    });
  }

  /** Writes rows of late runs before it answers, where there are any. */
  #listed<Answer>(work: () => Answer): Answer {
    return this.#read(() => {
      const { runs } = this.#tables;
      if (!runs.unsettled) return work();
      return this.#writer.settling(() => {
        runs.settleAll();
        return work();
      });
    });
  }

  #write<Answer>(work: () => Answer): Answer {
    return this.#read(() => this.#transaction(work) as Answer);
  }

  #read<Answer>(work: () => Answer): Answer {
    try {
      return work();
    } catch (error) {
      throw this.#open.db.open ? failureOf(error) : closed();
    }
  }
}

/** A copy, because the memory's own moves along. */
function producerOf({ keys }: SqliteTables, run: Head, producer: string): ProducerState | undefined {
  const state = keys.producer(run, producer);
  return state && { ...state };
}

/** pages of 4,096 bytes */
const VACUUM_STEP = 1_000;

/** Lets others have the event loop's next turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function failureOf(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const code = error.code === 'SQLITE_FULL' ? 'storage_full' : 'storage_unavailable';
  return new MillraceError(code, { detail: `SQLite answers ${error.code}: ${error.message}.`, cause: error });
}

function closed(): MillraceError {
  return new MillraceError('storage_unavailable', { detail: 'The store is closed.' });
}
