import type { RunSummary } from '@millrace/protocol';
import {
  type Batch,
  type BlobRow,
  type ClaimRequest,
  COMMITS_KEPT,
  type CommitResult,
  type CommitRow,
  type DueRow,
  eventText,
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
  type Snapshot,
  type SnapshotKind,
  type Store,
  type StoredDefinition,
} from './store.ts';

interface MemoryRun extends RunKey {
  /** the event of seq N at place N - 1 */
  events: { control: boolean; text: string }[];
  ctl: number;
  at: number;
  ended: boolean;
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
  readonly #commits = new Map<string, Map<number, CommitResult & { row: CommitRow }>>();
  readonly #uniques = new Map<string, { run: string; hash: string }>();
  readonly #slots = new Map<string, number>();
  readonly #definitions = new Map<string, StoredDefinition & { tenant: string }>();
  readonly #blobs = new Map<string, BlobRow & { data: Uint8Array }>();
  /** in the order of queueing */
  #queue: QueueRow[] = [];
  #leases: LeaseRow[] = [];
  /** in the order of writing */
  #due: DueRow[] = [];

  /** `epoch`: new for every store, because nothing of an earlier one is left */
  constructor(epoch: string) {
    this.epoch = epoch;
  }

  async commit(batch: Batch): Promise<CommitResult> {
    // The copy reads the whole batch: whatever can throw has thrown before the first change.
    const { server, n, at, parts } = structuredClone(batch);
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
    return { parts: results };
  }

  #refusal(part: Part): PartRefusal | undefined {
    const run = this.#runs.get(id(part));
    if (part.fence === 'new') {
      if (run) return 'exists';
    } else {
      if (!run) return 'missing';
      if (run.ended) return 'ended';
      if (run.ctl !== part.fence.ctl) return 'conflict';
    }
    for (const { node, attempt, at } of part.expired ?? []) {
      const lease = this.#leases.find((row) => row.node === node && row.attempt === attempt && sameRun(row, part));
      if (!lease || lease.expires > at) return 'lease';
    }
    for (const { id, was } of part.producers ?? []) {
      const now = run?.producers.get(id);
      if (now?.term !== was?.term || now?.sequence !== was?.sequence) return 'producer';
    }
    if (part.unique && this.#uniques.has(id(part.tenant, part.unique.scope, part.unique.key))) return 'unique';
    return undefined;
  }

  #write(part: Part, batchAt: number): { first: number; run: MemoryRun } {
    const { tenant } = part;
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
    if (part.unique)
      this.#uniques.set(id(tenant, part.unique.scope, part.unique.key), { run: part.run, hash: part.unique.hash });

    const mine = (row: RunKey) => sameRun(row, part);
    const isNode = (a: RunKey & { node: string }, b: typeof a) => sameRun(a, b) && a.node === b.node;
    this.#queue = this.#queue.filter((row) => !(mine(row) && (part.dequeueAll || part.dequeue?.includes(row.node))));
    for (const row of part.enqueue ?? []) this.#queue = [...this.#queue.filter((old) => !isNode(old, row)), row];
    this.#leases = this.#leases.filter((row) => !(mine(row) && part.release?.includes(row.node)));
    for (const row of part.lease ?? []) this.#leases = [...this.#leases.filter((old) => !isNode(old, row)), row];
    this.#due = this.#due.filter((row) => !(mine(row) && (part.undueAll || part.undue?.includes(row.key))));
    for (const row of part.due ?? []) {
      this.#due = [...this.#due.filter((old) => !(sameRun(old, row) && old.key === row.key)), row];
    }
    for (const { queue, key, delta } of part.slots ?? []) {
      const slot = id(tenant, queue, key);
      this.#slots.set(slot, (this.#slots.get(slot) ?? 0) + delta);
    }
    return { first, run };
  }

  async commitsAfter(server: string, n: number, limit: number): Promise<CommitRow[]> {
    const rows = [...(this.#commits.get(server)?.values() ?? [])].map(({ row }) => row);
    return rows
      .filter((row) => row.n > n)
      .sort((a, b) => a.n - b.n)
      .slice(0, limit);
  }

  async runRow(key: RunKey): Promise<RunRow | undefined> {
    const run = this.#runs.get(id(key));
    return run && rowOf(run);
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

  async readLog(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    const run = this.#runs.get(id(key));
    if (!run) return undefined;
    const events = take(run.events.slice(after), limit);
    return pageOf(run, after, after + events.length, events);
  }

  async readControl(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
    const run = this.#runs.get(id(key));
    if (!run) return undefined;
    const all = run.events.map((event, place) => ({ ...event, seq: place + 1 }));
    const left = all.filter((event) => event.control && event.seq > after);
    const events = take(left, limit);
    const through = events.length < left.length ? (events.at(-1)?.seq ?? after) : Math.max(run.events.length, after);
    return pageOf(run, after, through, events);
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
    return this.#uniques.get(id(tenant, scope, key));
  }

  async claimable({ tenant, tasks, queues, now, limit }: ClaimRequest): Promise<QueueRow[]> {
    const fits = (row: QueueRow) =>
      tasks.some(({ name, version }) => name === row.task && (row.version === undefined || row.version === version));
    return this.#queue
      .filter((row) => row.tenant === tenant && row.at <= now && (!queues || queues.includes(row.queue)) && fits(row))
      .sort((a, b) => b.priority - a.priority)
      .slice(0, limit);
  }

  async nextClaimable(now: number): Promise<number | undefined> {
    return least(this.#queue.map((row) => row.at).filter((at) => at > now));
  }

  async renewLeases(worker: string, leases: readonly LeaseKey[], expires: number): Promise<boolean[]> {
    return leases.map((key) => {
      const held = (row: LeaseRow) =>
        sameRun(row, key) && row.node === key.node && row.attempt === key.attempt && row.worker === worker;
      const found = this.#leases.find(held);
      if (found) found.expires = expires;
      return found !== undefined;
    });
  }

  async leases(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): Promise<LeaseRow[]> {
    const { expiredAt = Number.POSITIVE_INFINITY, boot, worker } = query;
    return this.#leases
      .filter((row) => row.expires <= expiredAt)
      .filter((row) => (boot === undefined || row.boot === boot) && (worker === undefined || row.worker === worker))
      .sort((a, b) => a.expires - b.expires)
      .slice(0, query.limit)
      .map((row) => ({ ...row }));
  }

  async due(now: number, limit: number): Promise<DueRow[]> {
    return this.#due
      .filter((row) => row.at <= now)
      .sort((a, b) => a.at - b.at)
      .slice(0, limit);
  }

  async nextDue(): Promise<number | undefined> {
    return least(this.#due.map((row) => row.at));
  }

  async dropDue(rows: readonly (RunKey & { key: string })[]): Promise<void> {
    this.#due = this.#due.filter((row) => !rows.some((gone) => sameRun(gone, row) && gone.key === row.key));
  }

  async slotsUsed(tenant: string, queue: string, key: string): Promise<number> {
    return this.#slots.get(id(tenant, queue, key)) ?? 0;
  }

  async putDefinition(tenant: string, definition: StoredDefinition): Promise<void> {
    const key = id(tenant, definition.name, definition.hash);
    this.#definitions.delete(key);
    this.#definitions.set(key, { ...definition, tenant });
  }

  async definition(tenant: string, name: string, hash?: string): Promise<StoredDefinition | undefined> {
    const named = this.#definitionsOf(tenant).filter((row) => row.name === name);
    return hash === undefined ? named.at(-1) : named.find((row) => row.hash === hash);
  }

  async definitions(tenant: string): Promise<StoredDefinition[]> {
    const newest = new Map(this.#definitionsOf(tenant).map((row) => [row.name, row]));
    return [...newest.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #definitionsOf(of: string): StoredDefinition[] {
    return [...this.#definitions.values()]
      .filter(({ tenant }) => tenant === of)
      .map(({ tenant: _tenant, ...row }) => row);
  }

  async putBlob(tenant: string, blob: BlobRow, bytes: Uint8Array): Promise<void> {
    const key = id(tenant, blob.sha256);
    if (!this.#blobs.has(key)) this.#blobs.set(key, { ...blob, data: bytes.slice() });
  }

  async getBlob(tenant: string, sha256: string): Promise<(BlobRow & { data: Uint8Array }) | undefined> {
    return this.#blobs.get(id(tenant, sha256));
  }

  async close(): Promise<void> {}
}

function id(key: RunKey): string;
function id(...parts: string[]): string;
function id(first: RunKey | string, ...rest: string[]): string {
  return JSON.stringify(typeof first === 'string' ? [first, ...rest] : [first.tenant, first.run]);
}

const sameRun = (a: RunKey, b: RunKey): boolean => a.tenant === b.tenant && a.run === b.run;

const least = (times: number[]): number | undefined => times.sort((a, b) => a - b)[0];

function newRun({ tenant, run }: RunKey, row: RunRowChange): MemoryRun {
  const empty = { events: [], ctl: 0, at: 0, ended: false, producers: new Map(), snapshots: new Map() };
  return { tenant, run, ...empty, first: row, last: row };
}

function rowOf({ tenant, run, events, ctl, at, ended, last }: MemoryRun): RunRow {
  const head = events.length;
  const summary: RunSummary = { ...last.summary, seq: head };
  return { tenant, run, head, ctl, at, ended, status: last.status, summary };
}

/** The first events that fit into a page: at least one, if there is one. */
function take<E extends { text: string }>(events: E[], { events: most, bytes }: PageLimit): E[] {
  const fitting: E[] = [];
  let size = 0;
  for (const event of events) {
    size += Buffer.byteLength(event.text) + (fitting.length > 0 ? 1 : 0);
    if (fitting.length > 0 && (fitting.length >= most || size > bytes)) break;
    fitting.push(event);
  }
  return fitting;
}

function pageOf(run: MemoryRun, after: number, through: number, events: { text: string }[]): LogPage {
  const { ctl, at, ended } = run;
  const text = events.map((event) => event.text).join(',');
  return { seq: after + 1, through, text, count: events.length, head: run.events.length, ctl, at, ended };
}
