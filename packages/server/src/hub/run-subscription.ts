import {
  type Cursor,
  filterKey,
  MillraceError,
  parseCursor,
  type RunFilter,
  type RunSummary,
  type RunView,
  toProblem,
} from '@millrace/protocol';
import { hasScope, maySee, type Principal } from '../auth/auth.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunRow, Store } from '../store/store.ts';
import { needScope, visibleRow } from './access.ts';
import type { Encoding, Gap } from './face.ts';
import { type Lens, lensOf } from './lens.ts';
import type { Form, LogRange } from './log-range.ts';
import type { Outbox } from './outbox.ts';
import type { ViewText } from './run-fold.ts';
import type { LiveReader, RunLog } from './run-log.ts';
import type { RunLogs } from './run-logs.ts';

/** Where subscriptions write, and whom they tell of their end. */
export interface Destination {
  readonly outbox: Outbox;
  readonly encoding: Encoding;
  /** An ended run's last event was sent. */
  drained?(subscription: RunSubscription): void;
  /** Everything up to where it was told to leave was sent. */
  left?(subscription: RunSubscription): void;
  /** The subscription has ended by an error, which was sent. */
  failed(subscription: RunSubscription): void;
}

export interface SubscriptionOptions {
  store: Store;
  logs: RunLogs;
  metrics: Metrics;
}

/**
 * One reader of one run: catch up, then live. It listens from its first moment; `open` decides where it starts;
 * from `begin` on it is either catching up (reads what the log holds after its cursor) or in the log's live set
 * (is handed each batch in the turn that committed it). What is handed out always follows the cursor directly,
 * so every event after it comes once and in order. A reader whose connection is full leaves the live set.
 */
export class RunSubscription implements LiveReader {
  readonly key: string;
  readonly #store: Store;
  readonly #logs: RunLogs;
  readonly #metrics: Metrics;
  readonly #principal: Principal;
  readonly #log: RunLog;
  readonly #lens: Lens;
  /** what of the run's row says who may see it */
  #row: Pick<RunSummary, 'id' | 'owner' | 'tags'> | undefined;
  #cursor = 0;
  /** where the encoding spells by views: the one at the cursor, which is never changed and often others' too */
  #view: RunView | undefined;
  /** where a snapshot is sent first, with the gap that it closes */
  #start: 'cursor' | 'snapshot' | Gap = 'snapshot';
  #destination: Destination | undefined;
  #form: Form | undefined;
  #until = Number.POSITIVE_INFINITY;
  #moved = 0;
  #closed = false;

  /** `key`: what its frames are named by, if not by run and filter. */
  constructor(
    options: SubscriptionOptions,
    principal: Principal,
    run: string,
    filter: RunFilter | undefined,
    key = filterKey(run, filter),
  ) {
    this.#store = options.store;
    this.#logs = options.logs;
    this.#metrics = options.metrics;
    this.#principal = principal;
    this.#lens = lensOf(principal, filter);
    this.key = key;
    this.#log = this.#logs.follow({ tenant: principal.tenant, run });
  }

  /**
   * Decides whether and where to start; without `after`, with a snapshot. `anew`: a cursor that cannot be served is
   * answered with the whole log. Answers the log's head. Errors: forbidden, run_not_found, invalid_cursor.
   */
  async open(after: string | undefined, anew = false): Promise<{ head: number; drained: boolean }> {
    needScope(this.#principal, 'run:read');
    const cursor = after === undefined ? undefined : parseCursor(after, this.#store.epoch);
    let row = await this.#readRow();
    // Only the primary's own head proves that a cursor is newer than the log.
    if (cursor && cursor.seq > row.head) row = await this.#readRow();
    const { id, owner, tags } = row.summary;
    this.#row = { id, tags, ...(owner === undefined ? {} : { owner }) };
    this.#log.reaches(row.head, row.ended);
    if (cursor && (cursor.epoch !== this.#store.epoch || cursor.seq > row.head)) {
      this.#start = anew ? 'cursor' : gapOf(cursor, row.head);
    } else if (cursor) {
      this.#start = 'cursor';
      this.#cursor = cursor.seq;
    }
    return { head: row.head, drained: row.ended && cursor?.epoch === this.#store.epoch && cursor.seq === row.head };
  }

  /** Why this principal, with a renewed token, may not go on reading; undefined = it may. */
  judge(principal: Principal): MillraceError | undefined {
    if (!hasScope(principal, 'run:read')) return new MillraceError('forbidden');
    const gone = this.#row !== undefined && !maySee(principal, this.#row);
    return gone ? new MillraceError('run_not_found') : undefined;
  }

  begin(destination: Destination): void {
    if (this.#closed) return;
    this.#destination = destination;
    const { encoding } = destination;
    // Who tells tales names no subscription in them.
    this.#form = this.#log.formOf(encoding, this.#lens, encoding.tale ? '' : this.key);
    this.#read(async () => {
      if (this.#start !== 'cursor') await this.#sendSnapshot(destination, this.#start);
      else if (encoding.tale) this.#view = await this.#log.viewAt(this.#lens, this.#cursor);
    });
  }

  /** What the log has led to by now, as this reader sees it. Errors: run_deleted; run_not_found before it is open. */
  async view(): Promise<ViewText> {
    if (!this.#row) throw new MillraceError('run_not_found');
    return this.#log.view(this.#lens);
  }

  get run(): string {
    return this.#log.key.run;
  }

  /** seq of the last event that was sent, or skipped as not to be seen */
  get cursor(): number {
    return this.#cursor;
  }

  /** Of two subscriptions, the one that was written to later has the larger. */
  get moved(): number {
    return this.#moved;
  }

  /** Sends what is known by now, and no more. */
  leave(): void {
    this.#until = this.#log.known;
    if (this.#destination && this.#cursor >= this.#until) this.#destination.left?.(this);
  }

  /** Takes `leave` back. */
  stay(): void {
    this.#until = Number.POSITIVE_INFINITY;
  }

  deliver(range: LogRange): void {
    if (range.through <= this.#cursor || !this.#destination) return;
    if (range.seq !== this.#cursor + 1 || this.#destination.outbox.full) return this.behind();
    this.#send(this.#destination, range);
    this.#reportDrained();
  }

  behind(): void {
    this.#log.live.delete(this);
    this.#read(async () => {});
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#view = undefined;
    this.#log.live.delete(this);
    this.#log.behind.delete(this);
    this.#logs.unfollow(this.#log);
  }

  #readRow(): Promise<RunRow> {
    return visibleRow(this.#store, this.#principal, this.#log.key.run);
  }

  #read(first: () => Promise<void>): void {
    this.#log.behind.add(this);
    const reading = async () => {
      await first();
      await this.#catchUp();
    };
    reading().catch((error: unknown) => this.#fail(error));
  }

  async #sendSnapshot({ outbox, encoding }: Destination, start: 'snapshot' | Gap): Promise<void> {
    const place = { key: this.key, run: this.#log.key.run };
    if (start !== 'snapshot') outbox.send(encoding.gap({ ...place, seq: start.latest }, start));
    const view = await this.#log.view(this.#lens);
    if (this.#closed) return;
    this.#cursor = view.seq;
    this.#metrics.count('hub_snapshots_sent_total');
    if (encoding.tale) this.#view = JSON.parse(view.text) as RunView;
    outbox.send(view.encoded(encoding, this.key, this.#log.key.run));
  }

  /** Reads until the cursor is where the log is known to end; then, in the same breath, goes live. */
  async #catchUp(): Promise<void> {
    const { outbox } = this.#destination as Destination;
    let first = true;
    while (!this.#closed && this.#cursor < this.#log.known) {
      if (outbox.full) {
        this.#metrics.count('hub_slow_readers_total');
        await outbox.drained();
        continue;
      }
      const tail = this.#log.tailAfter(this.#cursor);
      for (const range of tail) this.#send(this.#destination as Destination, range);
      if (tail.length > 0) continue;
      // A first page that costs no reading leaves with the answer to `subscribe`; from then on it is one a turn.
      const kept = first ? this.#log.kept(this.#cursor) : undefined;
      first = false;
      if (kept) {
        this.#send(this.#destination as Destination, kept);
        continue;
      }
      await outbox.turn();
      if (this.#closed || !(await this.#sendPage())) break;
    }
    if (this.#closed) return;
    this.#log.behind.delete(this);
    this.#log.live.add(this);
    this.#reportDrained();
  }

  async #sendPage(): Promise<boolean> {
    const page = await this.#log.page(this.#cursor);
    if (this.#closed) return false;
    if (!page) throw new MillraceError('run_deleted');
    if (page.through <= this.#cursor) return false;
    this.#send(this.#destination as Destination, page);
    return true;
  }

  #send({ outbox }: Destination, range: LogRange): void {
    const { message, view } = range.told(this.#form as Form, this.#view);
    this.#view = view;
    // The cursor first: the write says how far it goes.
    this.#cursor = range.through;
    this.#moved = ++sends;
    outbox.send(message);
  }

  #reportDrained(): void {
    if (this.#cursor >= this.#until) this.#destination?.left?.(this);
    else if (this.#log.ended && this.#cursor >= this.#log.known) this.#destination?.drained?.(this);
  }

  #fail(error: unknown): void {
    if (this.#closed || !this.#destination) return;
    this.close();
    const refusal = error instanceof MillraceError ? error : new MillraceError('internal');
    this.#metrics.count('hub_errors_total', 1, { code: refusal.code });
    this.#destination.outbox.send(this.#destination.encoding.problem(toProblem(refusal), this.key));
    this.#destination.failed(this);
  }
}

/** how often anything was sent to anybody */
let sends = 0;

function gapOf(cursor: Cursor, head: number): Gap {
  return { requested: `${cursor.epoch}:${cursor.seq}`, earliest: 1, latest: head };
}
