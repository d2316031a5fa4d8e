import { type Clock, type ListQuery, MillraceError, type RunSummary, toProblem } from '@millrace/protocol';
import { hasScope, type Principal, redactSummary } from '../auth/auth.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunRow, Store } from '../store/store.ts';
import { needScope } from './access.ts';
import type { ListMembers } from './list-members.ts';
import { frameBytes } from './native-encoding.ts';
import type { Outbox } from './outbox.ts';
import type { RowChange, RowFeeds, RowListener } from './row-feeds.ts';
import { belongs } from './run-row.ts';

const DEFAULT_ROWS = 50;
const MOST_ROWS = 500;
/** ms between two countings of runs that no row stands for */
const COUNT_MS = 1_000;

export interface ListOptions {
  store: Store;
  clock: Clock;
  feeds: RowFeeds;
  metrics: Metrics;
  outbox: Outbox;
  /** what follows the list's runs, where their events are wanted */
  members?: ListMembers;
}

/**
 * One list of one connection: the rows that match, whole, then each row that changes. The last state wins: of
 * several changes of a run in one turn, or while the connection is full, only the newest is sent. What changed
 * too much to be remembered is read again, and sent whole. So are, at most once a second, the rows of a list by status
 * that has more runs than rows: runs beyond its rows come and go, and only a query knows how many there are.
 */
export class ListSubscription implements RowListener {
  readonly #options: ListOptions;
  #principal: Principal;
  readonly #id: number;
  readonly #query: ListQuery;
  readonly #limit: number;
  readonly #silence: () => void;
  /** the runs that the reader holds, each with the seq of the state it was told */
  #told = new Map<string, number>();
  #changed = new Map<string, RowChange>();
  #stale = true;
  /** there are runs by status that no row stands for */
  #counts = false;
  #cancelCount: (() => void) | undefined;
  #working = true;
  #closed = false;

  constructor(options: ListOptions, principal: Principal, id: number, query: ListQuery) {
    needScope(principal, 'run:read');
    this.#options = options;
    this.#principal = principal;
    this.#id = id;
    this.#query = query;
    this.#limit = Math.min(query.limit ?? DEFAULT_ROWS, MOST_ROWS);
    this.#silence = options.feeds.follow(principal.tenant, this);
  }

  /** Sends the rows, then follows them. */
  begin(): void {
    this.#work().catch((error: unknown) => this.#fail(error));
  }

  close(): void {
    this.#closed = true;
    this.#cancelCount?.();
    this.#silence();
    this.#options.members?.close();
  }

  /** How many runs are followed for their events. */
  get followed(): number {
    return this.#options.members?.size ?? 0;
  }

  /** Goes on for this principal, with a renewed token: the rows are sent again. Answers why it may not. */
  judge(principal: Principal): MillraceError | undefined {
    if (!hasScope(principal, 'run:read')) return new MillraceError('forbidden');
    const same = String(principal.roles) === String(this.#principal.roles) && sameOnly(principal, this.#principal);
    this.#principal = principal;
    this.#options.members?.renew(principal);
    if (!same) this.stale();
    return undefined;
  }

  changed(change: RowChange): void {
    const { row, queue, ctl } = change;
    if (ctl !== undefined && ctl <= (this.#told.get(row.id) ?? 0)) return;
    if (!this.#told.has(row.id) && !this.#changed.has(row.id)) {
      if (this.#counts) this.#countSoon();
      // Which queue a row is in, only a query can tell then.
      if (ctl !== undefined && this.#query.queue !== undefined) return this.stale();
      if (!belongs(row, queue, this.#query, this.#principal)) return;
    }
    this.#changed.set(row.id, change);
    if (this.#changed.size > MOST_ROWS) this.stale();
    else this.#wake();
  }

  stale(): void {
    this.#stale = true;
    this.#changed.clear();
    this.#wake();
  }

  #countSoon(): void {
    this.#cancelCount ??= this.#options.clock.after(COUNT_MS, () => {
      this.#cancelCount = undefined;
      this.stale();
    });
  }

  #wake(): void {
    if (this.#working) return;
    this.#working = true;
    // Until the turn ends, later changes of the same run replace this one.
    queueMicrotask(() => this.begin());
  }

  async #work(): Promise<void> {
    const { outbox } = this.#options;
    this.#working = true;
    while (!this.#closed && (this.#stale || this.#changed.size > 0)) {
      if (outbox.full) await outbox.drained();
      else if (this.#stale || this.#told.size > 2 * MOST_ROWS) await this.#sendRows();
      else this.#sendChanges();
    }
    this.#working = false;
  }

  async #sendRows(): Promise<void> {
    this.#stale = false;
    const { rows, total } = await this.#readRows();
    if (this.#closed) return;
    this.#counts = this.#query.status !== undefined && total > rows.length;
    this.#told = new Map(rows.map(({ summary }) => [summary.id, summary.seq]));
    const seen = rows.map(({ summary }) => redactSummary(summary, this.#principal));
    this.#options.outbox.send(frameBytes({ type: 'rows', list: this.#id, rows: seen, total }));
    this.#options.members?.show(rows.map(({ summary }) => summary));
  }

  #sendChanges(): void {
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    for (const message of changed) {
      const { row, ctl } = message;
      const told = this.#told.get(row.id);
      // A row that was read may be newer than a message that was still on its way, or be what was repaired meanwhile.
      if (told !== undefined && (ctl === undefined ? row.seq < told : ctl <= told)) continue;
      if (this.#belongs(message)) this.#tell(row);
      else if (this.#told.delete(row.id)) {
        this.#options.outbox.send(frameBytes({ type: 'gone', list: this.#id, run: row.id }));
        this.#options.members?.remove(row.id);
      }
    }
  }

  #belongs({ row, queue }: RowChange): boolean {
    // A run never changes its queue, and a message need not repeat it.
    const known = queue ?? (this.#told.has(row.id) ? this.#query.queue : undefined);
    return belongs(row, known, this.#query, this.#principal);
  }

  #tell(row: RunSummary): void {
    this.#told.set(row.id, row.seq);
    const seen = redactSummary(row, this.#principal);
    this.#options.outbox.send(frameBytes({ type: 'row', list: this.#id, row: seen }));
    this.#options.members?.add(row);
  }

  /** What the principal may see is part of the query where it can be, so that `total` counts nothing else. */
  async #readRows(): Promise<{ rows: RunRow[]; total: number }> {
    const { store } = this.#options;
    const { tenant, only, roles, id } = this.#principal;
    const { limit: _limit, ...query } = this.#query;
    if (only?.run !== undefined) {
      const row = await store.runRow({ tenant, run: only.run });
      // Which queue a row is in only a query can tell.
      const rows =
        row && query.queue === undefined && belongs(row.summary, undefined, query, this.#principal) ? [row] : [];
      return { rows, total: rows.length };
    }
    const ownOnly = !only && roles.every((role) => role === 'user');
    if (ownOnly && query.owner !== undefined && query.owner !== id) return { rows: [], total: 0 };
    const found = await store.runRows({
      ...query,
      tenant,
      limit: this.#limit,
      ...(ownOnly ? { owner: id } : {}),
      ...(only?.tag === undefined ? {} : { tag: only.tag }),
    });
    if (only?.tag === undefined || query.tag === undefined) return found;
    const rows = found.rows.filter(({ summary }) => summary.tags.includes(query.tag as string));
    return { rows, total: rows.length };
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    const refusal = error instanceof MillraceError ? error : new MillraceError('internal');
    this.#options.metrics.count('hub_errors_total', 1, { code: refusal.code });
    this.#options.outbox.send(frameBytes({ type: 'error', id: this.#id, problem: toProblem(refusal) }));
  }
}

function sameOnly({ only: a }: Principal, { only: b }: Principal): boolean {
  return a?.run === b?.run && a?.tag === b?.tag;
}
