import type { MillraceError } from '@millrace/protocol/error-code';
import type { ListQuery, ServerFrame } from '@millrace/protocol/frame';
import type { RunSummary } from '@millrace/protocol/view';
import { Interest } from './interest.ts';
import { Listeners, type Store } from './store.ts';
import type { Continuity } from './subscription.ts';

export type { ListQuery };

/** The runs that match a query, newest first. */
export interface ListSnapshot {
  readonly status: 'loading' | 'ready' | 'error';
  readonly rows: readonly RunSummary[];
  /** how many match, shown or not */
  readonly total: number;
  readonly continuity: Continuity;
  readonly error: MillraceError | undefined;
}

export type ListFrame = Extract<ServerFrame, { type: 'rows' | 'row' | 'gone' }>;

export interface ListLink {
  followList(store: ListStore): () => void;
  afterGrace(fn: () => void): () => void;
}

/** rows of a list that names no limit, as the server has it */
const DEFAULT_LIMIT = 50;

/** A list of runs, live: the rows, then whatever changes in them; the last state wins. Made by `client.list(query)`. */
export class ListStore implements Store<ListSnapshot> {
  readonly query: ListQuery;
  readonly #interest: Interest;
  readonly #listeners = new Listeners();
  readonly #limit: number;
  /** every row that the server has told of since it told them all: more than are shown, fewer than it remembers */
  #rows: RunSummary[] = [];
  #total = 0;
  /** rows that are older than this one were counted in the total before they were told of */
  #counted: RunSummary | undefined;
  #status: ListSnapshot['status'] = 'loading';
  #error: MillraceError | undefined;
  /** the server follows these rows */
  #followed = false;
  #repaired = false;
  /** rows that should be shown are not known here, and were asked for */
  #asked = false;
  #dirty = false;
  #snapshot: ListSnapshot;

  constructor(query: ListQuery, link: ListLink) {
    this.query = query;
    this.#limit = query.limit ?? DEFAULT_LIMIT;
    this.#interest = new Interest(() => link.followList(this), link.afterGrace);
    this.#snapshot = this.#describe();
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
    return !this.#followed && !this.#error;
  }

  detached(): void {
    this.#followed = false;
  }

  refused(error: MillraceError): void {
    this.#status = 'error';
    this.#error = error;
    this.#followed = false;
    this.#dirty = true;
  }

  /** Takes one frame; true = the rows must be asked for again. */
  receive(frame: ListFrame): boolean {
    this.#dirty = true;
    if (frame.type === 'rows') {
      this.#told(frame.rows, frame.total);
      return false;
    }
    const id = frame.type === 'row' ? frame.row.id : frame.run;
    const at = this.#rows.findIndex((row) => row.id === id);
    if (frame.type === 'row') this.#put(at, frame.row);
    else if (at >= 0) {
      this.#rows.splice(at, 1);
      this.#total -= 1;
    }
    const wasAsked = this.#asked;
    this.#asked = this.#rows.length < Math.min(this.#limit, this.#total);
    return this.#asked && !wasAsked;
  }

  /** Publishes what the last message changed: one copy of the rows, however many frames it held. */
  flush(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#snapshot = this.#describe();
    this.#listeners.tell();
  }

  #told(rows: readonly RunSummary[], total: number): void {
    this.#repaired ||= this.#status !== 'loading' && !this.#asked && !this.#followed;
    this.#rows = [...rows];
    this.#total = total;
    this.#counted = total > rows.length ? rows.at(-1) : undefined;
    this.#status = 'ready';
    this.#error = undefined;
    this.#followed = true;
    this.#asked = false;
  }

  #put(at: number, row: RunSummary): void {
    if (at >= 0) {
      if ((this.#rows[at]?.seq ?? 0) <= row.seq) this.#rows[at] = row;
      return;
    }
    const place = this.#rows.findIndex((other) => isNewer(row, other));
    this.#rows.splice(place < 0 ? this.#rows.length : place, 0, row);
    if (!this.#counted || isNewer(row, this.#counted)) this.#total += 1;
  }

  #describe(): ListSnapshot {
    const isMissing = this.#asked || (this.#error !== undefined && this.#rows.length > 0);
    return {
      status: this.#status,
      rows: this.#rows.slice(0, this.#limit),
      total: this.#total,
      continuity: isMissing ? 'gap' : this.#repaired ? 'repaired' : 'complete',
      error: this.#error,
    };
  }
}

/** Of two runs of the same ms the ids tell: they sort by time. */
function isNewer(one: RunSummary, other: RunSummary): boolean {
  return one.createdAt > other.createdAt || (one.createdAt === other.createdAt && one.id > other.id);
}
