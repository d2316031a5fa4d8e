import type { Batch, CommitResult, PartRefusal } from './store.ts';
import { type PartTrace, resultOf } from './store-sqlite-commits.ts';
import { type Head, newHead } from './store-sqlite-heads.ts';
import { type Accepted, decidePart } from './store-sqlite-part.ts';
import { applyEntry, settleRun } from './store-sqlite-settling.ts';
import type { SqliteTables } from './store-sqlite-tables.ts';

/** Queue rows of one commit get places from here on; so many at most. */
const PLACES = 1_000_000;
/** What a part is reckoned at beside its texts; bytes. */
const PART = 512;
/** How much is settled at a time: this part of what may be late. Runs that are settled together share pages. */
const SLICES = 16;

/**
 * Commits batches: a transaction writes one row of the journal, and every so often a slice of what earlier commits left
 * late, at most about twice as much as they added since the last one. So a commit dirties few pages, the journal stays
 * short, and no commit waits for a heap of old work.
 */
export class SqliteWriter {
  readonly #tables: SqliteTables;
  readonly #transaction: (work: () => unknown) => unknown;
  readonly #limit: number;
  /** the newest commit in the journal */
  #n = 0;
  /** bytes that may be settled in the next commit */
  #credit = 0;
  /** a run whose tail is settled over several commits */
  #settling: Head | undefined;

  constructor(tables: SqliteTables, transaction: (work: () => unknown) => unknown, limit: number) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.#limit = limit;
    this.#start();
  }

  commit(batch: Batch): CommitResult {
    const known = this.#tables.commits.find(batch.server, batch.n);
    if (known) return known;
    if (!this.#isLate) return this.#commit(batch, false);
    try {
      return this.#commit(batch, true);
    } catch {
      // There may be room for the batch alone.
      this.#start();
      return this.#commit(batch, false);
    }
  }

  /** Writes in a transaction that also moves what is in memory: if it fails, all of that is read again. */
  settling<Answer>(work: () => Answer): Answer {
    try {
      return this.#transaction(work) as Answer;
    } catch (error) {
      this.#start();
      throw error;
    }
  }

  /** Within {@link settling}: everything that is late of a run. */
  settle(head: Head): void {
    settleRun(this.#tables, head, this.#n);
    if (this.#settling === head) this.#settling = undefined;
  }

  settleAll(): void {
    this.settling(() => {
      for (const head of [...this.#tables.places.late.all]) this.settle(head);
      this.#tables.journal.trim(this.#n);
    });
  }

  get #isLate(): boolean {
    return this.#settling !== undefined || this.#tables.places.late.bytes > this.#limit;
  }

  /** What the tables do not show is in the journal. */
  #start(): void {
    const { places, queue, leases, journal, deleted } = this.#tables;
    places.forget();
    queue.young.clear();
    leases.load();
    this.#settling = undefined;
    this.#n = journal.last();
    for (const { n, entry, text } of journal.replay()) {
      const { key, ...known } = entry;
      if (known.lease) known.lease = known.lease.map((row) => leases.renewed(entry.run, row));
      const stored = places.byNumber(entry.run);
      if (stored && n <= stored.settled) continue;
      if (stored) applyEntry(this.#tables, stored, { entry: known, text }, n);
      else if (key && known.row && !deleted.has({ tenant: key[0], run: key[1] })) {
        const { status, summary } = known.row;
        const head = newHead({ tenant: key[0], run: key[1] }, { id: entry.run, status, shown: summary.status });
        applyEntry(this.#tables, head, { entry: { ...known, key }, text }, n);
      }
    }
  }

  #commit(batch: Batch, settles: boolean): CommitResult {
    const { commits, journal } = this.#tables;
    const n = this.#n + 1;
    const accepted: Accepted[] = [];
    const traces: PartTrace[] = [];
    let texts: string[] = [];
    this.#transaction(() => {
      if (settles) this.#settleSome();
      let place = n * PLACES;
      const turn = { at: batch.at, nextPlace: () => place++ };
      for (const part of batch.parts) {
        const decided = decidePart(this.#tables, part, turn);
        traces.push(traceOf(decided));
        if (typeof decided !== 'string') accepted.push(decided);
      }
      if (accepted.length > 0) texts = journal.append(n, accepted);
      commits.insert(batch, traces);
    });
    for (const [place, { head, entry, stored }] of accepted.entries()) {
      const text = texts[place] as string;
      applyEntry(this.#tables, head, { entry, text }, n);
      if (stored) head.fresh = false;
      this.#credit += 2 * (text.length + PART);
    }
    if (accepted.length > 0) this.#n = n;
    return resultOf(traces);
  }

  #settleSome(): void {
    const { late } = this.#tables.places;
    const kept = this.#limit * (1 - 1 / SLICES);
    while (this.#credit > 0 && (this.#settling || late.bytes > kept)) {
      const [oldest] = late.all;
      const head = this.#settling ?? oldest;
      if (!head) break;
      this.#credit -= settleRun(this.#tables, head, this.#n, this.#credit);
      this.#settling = head.late ? head : undefined;
    }
    if (!this.#isLate) this.#credit = 0;
    this.#tables.journal.trim(late.since ?? this.#n);
  }
}

function traceOf(decided: Accepted | PartRefusal): PartTrace {
  if (typeof decided === 'string') return decided;
  const { run, seq, count, at } = decided.entry;
  return [run, seq, count, at];
}
