import type { MillraceError } from '@millrace/protocol/error';
import type { ListQuery, ServerFrame } from '@millrace/protocol/frame';
import type { RunSummary } from '@millrace/protocol/view';
import { Interest } from './interest.ts';
import { Listeners, type Store } from './store.ts';

export type { ListQuery };

/** The runs that match a query, newest first. */
export interface ListSnapshot {
  readonly status: 'loading' | 'ready' | 'error';
  readonly rows: readonly RunSummary[];
  /** how many match, shown or not */
  readonly total: number;
  readonly error: MillraceError | undefined;
}

export type ListFrame = Extract<ServerFrame, { type: 'rows' | 'row' | 'gone' }>;

export interface ListLink {
  followList(store: ListStore): () => void;
  afterGrace(fn: () => void): () => void;
}

/** A list of runs, live: the rows, then whatever changes in them; the last state wins. Made by `client.list(query)`. */
export class ListStore implements Store<ListSnapshot> {
  readonly query: ListQuery;
  readonly #interest: Interest;
  readonly #listeners = new Listeners();
  #snapshot: ListSnapshot = { status: 'loading', rows: [], total: 0, error: undefined };
  #next: ListSnapshot = this.#snapshot;
  #behind = true;

  constructor(query: ListQuery, link: ListLink) {
    this.query = query;
    this.#interest = new Interest(() => link.followList(this), link.afterGrace);
  }

  getSnapshot(): ListSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    const release = this.#interest.hold();
    return () => {
      remove();
      release();
    };
  }

  // What follows is the connection's side.

  get behind(): boolean {
    return this.#behind && !this.#next.error;
  }

  detached(): void {
    this.#behind = true;
  }

  refused(error: MillraceError): void {
    this.#next = { ...this.#next, status: 'error', error };
  }

  receive(frame: ListFrame): void {
    const list = this.#next;
    if (frame.type === 'rows') {
      this.#behind = false;
      this.#next = { status: 'ready', rows: frame.rows, total: frame.total, error: undefined };
      return;
    }
    const id = frame.type === 'row' ? frame.row.id : frame.run;
    const known = list.rows.findIndex((row) => row.id === id);
    if (frame.type === 'gone') {
      if (known >= 0) this.#next = { ...list, rows: list.rows.filter((row) => row.id !== id), total: list.total - 1 };
    } else if (known < 0) {
      const rows = place(list.rows, frame.row).slice(0, this.query.limit ?? 50);
      this.#next = { ...list, rows, total: list.total + 1 };
    } else if ((list.rows[known]?.seq ?? 0) <= frame.row.seq) {
      this.#next = { ...list, rows: list.rows.with(known, frame.row) };
    }
  }

  flush(): void {
    if (this.#next === this.#snapshot) return;
    this.#snapshot = this.#next;
    this.#listeners.tell();
  }
}

/** The rows with a new one at its place: newest first. */
function place(rows: readonly RunSummary[], row: RunSummary): RunSummary[] {
  const at = rows.findIndex((other) => other.createdAt <= row.createdAt);
  return rows.toSpliced(at < 0 ? rows.length : at, 0, row);
}
