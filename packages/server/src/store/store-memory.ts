import type { RunSummary } from '@millrace/protocol';
import {
  type Batch,
  type BlobRow,
  type ClaimRequest,
  COMMITS_KEPT,
  type CommitResult,
  type CommitRow,
  type DocumentRow,
  type DueRow,
  eventText,
  type GrantRow,
  type KnowledgeBaseRow,
  type LeaseKey,
  type LeaseRow,
  type LogPage,
  type PageLimit,
  type Part,
  type PartRefusal,
  type PartResult,
  type ProducerState,
  type QueueRow,
  type RunKey,
  type RunRow,
  type RunRowChange,
  type RunRowQuery,
  type ScheduleRow,
  type SilentQuery,
  type Snapshot,
  type SnapshotKind,
  type Store,
  type StoredDefinition,
  type WaitQuery,
  type WaitRow,
} from './store.ts';
import { MemoryDocuments } from './store-memory-documents.ts';
import { MemoryGrants } from './store-memory-grants.ts';
import { id } from './store-memory-keys.ts';
import { controlPage, logPage, type MemoryLog } from './store-memory-log.ts';
import { MemoryQueue } from './store-memory-queue.ts';
import { MemoryWork } from './store-memory-work.ts';

interface MemoryRun extends RunKey, MemoryLog {
  hold: boolean;
  first: RunRowChange;
  last: RunRowChange;
  producers: Map<string, ProducerState>;
  snapshots: Map<SnapshotKind, Snapshot>;
}

/** The reference model of a store: everything in maps and lists, gone with the process. */
export class MemoryStore implements Store {
  readonly capabilities = { durable: false, shared: false };
  readonly epoch: string;

  readonly #runs = new Map<string, MemoryRun>();
  readonly #deleted = new Set<string>();
  readonly #commits = new Map<string, Map<number, CommitResult & { row: CommitRow }>>();
  readonly #uniques = new Map<string, { key: RunKey; hash: string }>();
  readonly #queue = new MemoryQueue();
  readonly #work = new MemoryWork();
  readonly #documents = new MemoryDocuments();
  readonly #grants = new MemoryGrants();

  /** `epoch`: new for every store, because nothing of an earlier one is left */
  constructor(epoch: string) {
    this.epoch = epoch;
  }

  async commit(batch: Batch): Promise<CommitResult> {
    // The copy reads the whole batch: whatever can throw has thrown before the first change.
    const { server, n, at, parts, asks } = structuredClone(batch);
    for (const { fence, row } of parts) if (fence === 'new' && !row) throw new TypeError('A new run needs its row.');
    const commits = this.#commits.get(server) ?? new Map<number, CommitResult & { row: CommitRow }>();
    const known = commits.get(n);
    if (known) return { parts: known.parts };
    this.#commits.set(server, commits);
    const heads: CommitRow['heads'] = [];
    const results = parts.map((part): PartResult => {
      const reason = this.#refusal(part);
      if (reason) return { ok: false, reason };
      const { first, run } = this.#write(part, at);
      heads.push({ tenant: run.tenant, run: run.run, head: run.events.length });
      return { ok: true, first, at: run.at };
    });
    commits.set(n, { parts: results, row: { server, n, at, heads } });
    commits.delete(n - COMMITS_KEPT);
    return asks ? { parts: results, claimable: asks.map((ask) => this.#queue.claimable(ask)) } : { parts: results };
  }

  #refusal(part: Part): PartRefusal | undefined {
    const run = this.#runs.get(id(part));
    if (part.fence === 'new') {
      if (run || this.#deleted.has(id(part))) return 'exists';
    } else {
      if (!run) return 'missing';
      if (run.ended) return 'ended';
      if (run.ctl !== part.fence.ctl) return 'conflict';
    }
    if (this.#work.leaseStands(part)) return 'lease';
    for (const { id, was } of part.producers ?? []) {
      const now = run?.producers.get(id);
      if (now?.term !== was?.term || now?.sequence !== was?.sequence) return 'producer';
    }
    if (part.unique && this.#uniques.has(id(part.tenant, part.unique.scope, part.unique.key))) return 'unique';
    if (this.#queue.full(part)) return 'slots';
    if (this.#grants.spent(part)) return 'grant';
    return undefined;
  }

  #write(part: Part, batchAt: number): { first: number; run: MemoryRun } {
    const run = this.#runs.get(id(part)) ?? newRun(part, part.row as RunRowChange);
    this.#runs.set(id(part), run);
    const first = run.events.length + 1;
    run.at = Math.max(run.at, batchAt);
    for (const { control, text } of part.events) {
      const seq = run.events.push({ control, text: eventText(run.events.length + 1, run.at, text) });
      if (control) run.ctl = seq;
    }
    if (part.row) {
      run.last = part.row;
      run.ended = part.row.ended;
    }
    for (const { id, term, sequence, last } of part.producers ?? []) {
      run.producers.set(id, { term, sequence, seq: first + last });
    }
    if (part.unique) {
      const { scope, key, hash } = part.unique;
      this.#uniques.set(id(part.tenant, scope, key), { key: part, hash });
    }
    this.#queue.write(part);
    this.#work.write(part);
    this.#documents.putDocuments(part.tenant, part.documents ?? []);
    this.#grants.write(part);
    return { first, run };
  }

  async commitsAfter(server: string, n: number, limit: number): Promise<CommitRow[]> {
    const rows = [...(this.#commits.get(server)?.values() ?? [])].map(({ row }) => row);
    return rows
      .filter((row) => row.n > n)
      .sort((a, b) => a.n - b.n)
      .slice(0, limit)
      .map((row) => ({ ...row, heads: row.heads.filter((head) => this.#runs.has(id(head))) }));
  }

  async lastCommits(since: number): Promise<{ server: string; n: number }[]> {
    return [...this.#commits].flatMap(([server, rows]) => {
      const last = [...rows.values()].at(-1);
      return last && last.row.at >= since ? [{ server, n: last.row.n }] : [];
    });
  }

  async runRow(key: RunKey): Promise<RunRow | undefined> {
    const run = this.#runs.get(id(key));
    return run && rowOf(run);
  }

  async heads(keys: readonly RunKey[]): Promise<({ head: number; ctl: number } | undefined)[]> {
    return keys.map((key) => {
      const run = this.#runs.get(id(key));
      return run && { head: run.events.length, ctl: run.ctl };
    });
  }

  async runRows(query: RunRowQuery): Promise<{ rows: RunRow[]; total: number }> {
    const all = [...this.#runs.values()].reverse().filter((run) => run.tenant === query.tenant);
    const matching = all.filter(({ first, last }) => {
      const { owner, workflow, tags } = first.summary;
      return (
        (query.owner === undefined || query.owner === owner) &&
        (query.workflow === undefined || query.workflow === workflow) &&
        (query.tag === undefined || tags.includes(query.tag)) &&
        (query.queue === undefined || query.queue === first.queue) &&
        (query.status === undefined || query.status.includes(last.summary.status))
      );
    });
    const before = query.before === undefined ? -1 : all.findIndex(({ run }) => run === query.before);
    const older = new Set(query.before !== undefined && before < 0 ? [] : all.slice(before + 1));
    const rows = matching.filter((run) => older.has(run)).slice(0, query.limit);
    return { rows: rows.map(rowOf), total: matching.length };
  }

  async silentRuns({ status, before, external, limit }: SilentQuery): Promise<RunRow[]> {
    return [...this.#runs.values()]
      .filter(({ last, at }) => status.includes(last.status) && at <= before)
      .filter(({ last }) => external === undefined || last.summary.external === external)
      .sort((a, b) => a.at - b.at)
      .slice(0, limit)
      .map(rowOf);
  }

  async deleteRun(key: RunKey): Promise<boolean> {
    const run = this.#runs.get(id(key));
    if (!run || run.hold) return false;
    this.#runs.delete(id(key));
    this.#deleted.add(id(key));
    for (const [place, { key: holder }] of this.#uniques) if (id(holder) === id(key)) this.#uniques.delete(place);
    this.#queue.forget(key);
    this.#work.forget(key);
    this.#grants.forget(key);
    return true;
  }

  async wasDeleted(key: RunKey): Promise<boolean> {
    return this.#deleted.has(id(key));
  }

  async hold(key: RunKey, on: boolean): Promise<boolean> {
    const run = this.#runs.get(id(key));
    if (run) run.hold = on;
    return run !== undefined;
  }

  async readLog(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    const run = this.#runs.get(id(key));
    return run && logPage(run, after, limit);
  }

  async readControl(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    const run = this.#runs.get(id(key));
    return run && controlPage(run, after, limit);
  }

  async readSnapshot(key: RunKey, kind: SnapshotKind, fold: number): Promise<Snapshot | undefined> {
    const snapshot = this.#runs.get(id(key))?.snapshots.get(kind);
    return snapshot?.fold === fold ? snapshot : undefined;
  }

  async writeSnapshot(key: RunKey, kind: SnapshotKind, snapshot: Snapshot): Promise<void> {
    const snapshots = this.#runs.get(id(key))?.snapshots;
    const before = snapshots?.get(kind);
    if (!before || before.fold !== snapshot.fold || before.seq < snapshot.seq) snapshots?.set(kind, { ...snapshot });
  }

  async producer(key: RunKey, producer: string): Promise<ProducerState | undefined> {
    return this.#runs.get(id(key))?.producers.get(producer);
  }

  async unique(tenant: string, scope: string, key: string): Promise<{ run: string; hash: string } | undefined> {
    const found = this.#uniques.get(id(tenant, scope, key));
    return found && { run: found.key.run, hash: found.hash };
  }

  async claimable(request: ClaimRequest): Promise<QueueRow[]> {
    return this.#queue.claimable(request);
  }

  async nextClaimable(now: number): Promise<number | undefined> {
    return this.#queue.next(now);
  }

  async slotsUsed(tenant: string, queue: string, key: string): Promise<number> {
    return this.#queue.slotsUsed(tenant, queue, key);
  }

  async renewLeases(worker: string, leases: readonly LeaseKey[], expires: number): Promise<boolean[]> {
    return leases.map((key) => this.#work.renew(worker, key, expires));
  }

  async leases(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): Promise<LeaseRow[]> {
    return this.#work.leases(query);
  }

  async due(now: number, limit: number): Promise<DueRow[]> {
    return this.#work.due(now, limit);
  }

  async nextDue(): Promise<number | undefined> {
    return this.#work.nextDue();
  }

  async dropDue(rows: readonly (RunKey & { key: string })[]): Promise<void> {
    this.#work.dropDue(rows);
  }

  async putDue(rows: readonly DueRow[]): Promise<void> {
    this.#work.putDue(structuredClone([...rows]));
  }

  async waits(query: WaitQuery): Promise<WaitRow[]> {
    return this.#work.waits(query);
  }

  async knowledgeBases(tenant: string, limit: number): Promise<KnowledgeBaseRow[]> {
    return this.#documents.knowledgeBases(tenant).slice(0, limit);
  }

  async documents(tenant: string, kbId: string, limit: number): Promise<DocumentRow[]> {
    return this.#documents.documents(tenant, kbId).slice(0, limit);
  }

  async putSchedule(tenant: string, schedule: ScheduleRow): Promise<void> {
    this.#documents.putSchedule(tenant, schedule);
  }

  async schedule(tenant: string, schedule: string): Promise<ScheduleRow | undefined> {
    return this.#documents.schedules(tenant).find((row) => row.id === schedule);
  }

  async schedules(tenant: string): Promise<ScheduleRow[]> {
    return this.#documents.schedules(tenant);
  }

  async deleteSchedule(tenant: string, schedule: string): Promise<boolean> {
    return this.#documents.deleteSchedule(tenant, schedule);
  }

  async putGrant(grant: GrantRow): Promise<void> {
    this.#grants.put(grant);
  }

  async grant(tenant: string, grant: string): Promise<GrantRow | undefined> {
    return this.#grants.find(tenant, grant);
  }

  async revokeGrant(tenant: string, grant: string, at: number): Promise<boolean> {
    return this.#grants.end(tenant, grant, at);
  }

  async putDefinition(tenant: string, definition: StoredDefinition): Promise<void> {
    this.#documents.putDefinition(tenant, definition);
  }

  async definition(tenant: string, name: string, hash?: string): Promise<StoredDefinition | undefined> {
    return this.#documents.definition(tenant, name, hash);
  }

  async definitions(tenant: string): Promise<StoredDefinition[]> {
    return this.#documents.definitions(tenant);
  }

  async definitionVersions(tenant: string, name: string): Promise<StoredDefinition[]> {
    return this.#documents.definitionVersions(tenant, name);
  }

  async putBlob(tenant: string, blob: BlobRow, bytes: Uint8Array): Promise<void> {
    this.#documents.putBlob(tenant, blob, bytes);
  }

  async getBlob(tenant: string, sha256: string): Promise<(BlobRow & { data: Uint8Array }) | undefined> {
    return this.#documents.getBlob(tenant, sha256);
  }

  async close(): Promise<void> {}
}

function newRun({ tenant, run }: RunKey, row: RunRowChange): MemoryRun {
  const empty = { events: [], ctl: 0, at: 0, ended: false, hold: false, producers: new Map(), snapshots: new Map() };
  return { tenant, run, ...empty, first: row, last: row };
}

function rowOf({ tenant, run, events, ctl, at, ended, last }: MemoryRun): RunRow {
  const head = events.length;
  const summary: RunSummary = { ...last.summary, seq: head };
  return { tenant, run, head, ctl, at, ended, status: last.status, summary };
}
