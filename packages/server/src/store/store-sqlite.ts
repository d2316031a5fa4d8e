import { MillraceError } from '@millrace/protocol/error';
import Database from 'better-sqlite3';
import type {
  Batch,
  BlobRow,
  ClaimRequest,
  CommitResult,
  CommitRow,
  DueRow,
  LeaseKey,
  LeaseRow,
  LogPage,
  PageLimit,
  Part,
  PartRefusal,
  ProducerState,
  QueueRow,
  RunKey,
  RunRow,
  RunRowQuery,
  Snapshot,
  SnapshotKind,
  Store,
  StoredDefinition,
} from './store.ts';
import { type PartTrace, resultOf, sqliteCommits } from './store-sqlite-commits.ts';
import { type OpenDatabase, openDatabase, type SqliteOptions } from './store-sqlite-database.ts';
import { sqliteDocuments } from './store-sqlite-documents.ts';
import { sqliteDue } from './store-sqlite-due.ts';
import type { Head } from './store-sqlite-heads.ts';
import { sqliteKeys } from './store-sqlite-keys.ts';
import { sqliteLeases } from './store-sqlite-leases.ts';
import { sqliteLog } from './store-sqlite-log.ts';
import { sqliteQueue } from './store-sqlite-queue.ts';
import { sqliteRuns } from './store-sqlite-runs.ts';

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

/** A store in one SQLite file. Every call is done when it returns; a commit is one transaction. */
export class SqliteStore implements Store {
  readonly capabilities: Store['capabilities'];
  readonly epoch: string;

  readonly #open: OpenDatabase;
  readonly #runs;
  readonly #log;
  readonly #keys;
  readonly #queue;
  readonly #leases;
  readonly #due;
  readonly #commits;
  readonly #documents;
  readonly #transaction: (work: () => unknown) => unknown;

  constructor(open: OpenDatabase) {
    const { db, epoch } = open;
    this.capabilities = { durable: !db.memory, shared: false };
    this.epoch = epoch;
    this.#open = open;
    this.#runs = sqliteRuns(db);
    this.#log = sqliteLog(db);
    this.#keys = sqliteKeys(db);
    this.#queue = sqliteQueue(db);
    this.#leases = sqliteLeases(db);
    this.#due = sqliteDue(db);
    this.#commits = sqliteCommits(db);
    this.#documents = sqliteDocuments(db);
    this.#transaction = db.transaction((work: () => unknown) => work()).immediate;
  }

  async commit(batch: Batch): Promise<CommitResult> {
    return this.#write(() => {
      const known = this.#commits.find(batch.server, batch.n);
      if (known) return known;
      const traces = batch.parts.map((part) => this.#writePart(part, batch.at));
      this.#commits.insert(batch, traces);
      return resultOf(traces);
    });
  }

  #writePart(part: Part, at: number): PartTrace {
    const found = this.#runs.find(part);
    const refusal = this.#refusal(part, found);
    if (refusal) return refusal;
    const run = found ?? this.#create(part);
    const first = run.head + 1;
    this.#log.append(run, part.events, at);
    if (part.row) {
      if (found) this.#runs.change(run.id, part.row);
      run.ended = part.row.ended ? 1 : 0;
    }
    this.#runs.move(run);
    for (const change of part.producers ?? []) this.#keys.moveProducer(run.id, change, first);
    if (part.unique) this.#keys.takeUnique(part.tenant, part.unique, part.run);
    this.#moveWork(part, run, at);
    return [run.id, first, part.events.length, run.at];
  }

  #create(part: Part): Head {
    if (!part.row) throw new TypeError('A new run needs its row.');
    return this.#runs.create(part, part.row);
  }

  #refusal(part: Part, run: Head | undefined): PartRefusal | undefined {
    if (part.fence === 'new') {
      if (run) return 'exists';
    } else {
      if (!run) return 'missing';
      if (run.ended) return 'ended';
      if (run.ctl !== part.fence.ctl) return 'conflict';
    }
    for (const { node, attempt, at } of part.expired ?? []) {
      if (!this.#leases.expired(run?.id, node, attempt, at)) return 'lease';
    }
    for (const change of part.producers ?? []) if (this.#keys.producerMoved(run?.id, change)) return 'producer';
    if (part.unique && this.#keys.unique(part.tenant, part.unique.scope, part.unique.key)) return 'unique';
    return undefined;
  }

  /** What is to be done for a run: queue, lease, due and slot rows. What goes, goes before what comes. */
  #moveWork(part: Part, { id }: Head, at: number): void {
    if (part.dequeueAll) this.#queue.dropAll(id);
    for (const node of part.dequeue ?? []) this.#queue.drop(id, node);
    for (const row of part.enqueue ?? []) this.#queue.put(id, row, at);
    for (const node of part.release ?? []) this.#leases.release(id, node);
    for (const row of part.lease ?? []) this.#leases.put(id, row);
    if (part.undueAll) this.#due.dropAll(part);
    for (const key of part.undue ?? []) this.#due.drop(part, key);
    for (const row of part.due ?? []) this.#due.put(row);
    for (const change of part.slots ?? []) this.#queue.moveSlot(part.tenant, change);
  }

  async commitsAfter(server: string, n: number, limit: number): Promise<CommitRow[]> {
    return this.#read(() => this.#commits.after(server, n, limit, this.#runs.key));
  }

  async runRow(key: RunKey): Promise<RunRow | undefined> {
    return this.#read(() => this.#runs.row(key));
  }

  async runRows(query: RunRowQuery): Promise<{ rows: RunRow[]; total: number }> {
    return this.#read(() => this.#runs.rows(query));
  }

  async readLog(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    return this.#ofRun(key, (run) => this.#log.page(run, after, limit));
  }

  async readControl(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    return this.#ofRun(key, (run) => this.#log.controlPage(run, after, limit));
  }

  async readSnapshot(key: RunKey, kind: SnapshotKind, fold: number): Promise<Snapshot | undefined> {
    return this.#ofRun(key, (run) => this.#log.readSnapshot(run, kind, fold));
  }

  async writeSnapshot(key: RunKey, kind: SnapshotKind, snapshot: Snapshot): Promise<void> {
    this.#ofRun(key, (run) => this.#log.writeSnapshot(run, kind, snapshot));
  }

  async producer(key: RunKey, producer: string): Promise<ProducerState | undefined> {
    return this.#ofRun(key, (run) => this.#keys.producer(run.id, producer));
  }

  async unique(tenant: string, scope: string, key: string): Promise<{ run: string; hash: string } | undefined> {
    return this.#read(() => this.#keys.unique(tenant, scope, key));
  }

  async claimable(request: ClaimRequest): Promise<QueueRow[]> {
    return this.#read(() => this.#queue.claimable(request));
  }

  async nextClaimable(now: number): Promise<number | undefined> {
    return this.#read(() => this.#queue.next(now));
  }

  async renewLeases(worker: string, leases: readonly LeaseKey[], expires: number): Promise<boolean[]> {
    return this.#write(() => leases.map((lease) => this.#leases.renew(worker, lease, expires)));
  }

  async leases(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): Promise<LeaseRow[]> {
    return this.#read(() => this.#leases.list(query));
  }

  async due(now: number, limit: number): Promise<DueRow[]> {
    return this.#read(() => this.#due.list(now, limit));
  }

  async nextDue(): Promise<number | undefined> {
    return this.#read(() => this.#due.next());
  }

  async dropDue(rows: readonly (RunKey & { key: string })[]): Promise<void> {
    this.#write(() => {
      for (const row of rows) this.#due.drop(row, row.key);
    });
  }

  async slotsUsed(tenant: string, queue: string, key: string): Promise<number> {
    return this.#read(() => this.#queue.slotsUsed(tenant, queue, key));
  }

  async putDefinition(tenant: string, definition: StoredDefinition): Promise<void> {
    this.#write(() => this.#documents.putDefinition(tenant, definition));
  }

  async definition(tenant: string, name: string, hash?: string): Promise<StoredDefinition | undefined> {
    return this.#read(() => this.#documents.definition(tenant, name, hash));
  }

  async definitions(tenant: string): Promise<StoredDefinition[]> {
    return this.#read(() => this.#documents.definitions(tenant));
  }

  async putBlob(tenant: string, blob: BlobRow, bytes: Uint8Array): Promise<void> {
    this.#write(() => this.#documents.putBlob(tenant, blob, bytes));
  }

  async getBlob(tenant: string, sha256: string): Promise<(BlobRow & { data: Uint8Array }) | undefined> {
    return this.#read(() => this.#documents.getBlob(tenant, sha256));
  }

  /** Sets the limit of `maxPages` anew. What was refused with `storage_full` goes on when there is room again. */
  limitPages(pages: number): void {
    this.#open.db.pragma(`max_page_count = ${pages}`);
  }

  async close(): Promise<void> {
    if (this.#open.db.open) this.#read(() => this.#open.close());
  }

  #ofRun<Answer>(key: RunKey, read: (run: Head) => Answer): Answer | undefined {
    return this.#read(() => {
      const run = this.#runs.find(key);
      return run && read(run);
    });
  }

  #write<Answer>(work: () => Answer): Answer {
    try {
      return this.#read(() => this.#transaction(work) as Answer);
    } catch (error) {
      this.#runs.forget();
      throw error;
    }
  }

  #read<Answer>(work: () => Answer): Answer {
    try {
      return work();
    } catch (error) {
      throw this.#open.db.open ? failureOf(error) : closed();
    }
  }
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const code = error.code === 'SQLITE_FULL' ? 'storage_full' : 'storage_unavailable';
  return new MillraceError(code, { detail: `SQLite answers ${error.code}: ${error.message}.`, cause: error });
}

function closed(): MillraceError {
  return new MillraceError('storage_unavailable', { detail: 'The store is closed.' });
}
