import { formatCursor } from '@millrace/protocol/cursor';
import type { MillraceError } from '@millrace/protocol/error';
import type { RunEvent } from '@millrace/protocol/event';
import { fold } from '@millrace/protocol/fold';
import { filterKey, type RunCommand, type RunFilter } from '@millrace/protocol/frame';
import { emptyView, type RunView } from '@millrace/protocol/view';
import type { CommandAnswer } from './api.ts';
import { Interest } from './interest.ts';
import { Listeners, type Store } from './store.ts';
import {
  afterOf,
  attached,
  type Continuity,
  continuityOf,
  detached,
  follow,
  isBehind,
  type Position,
  type RunFrame,
  start,
} from './subscription.ts';

export type { RunFilter };

/** What is known of a run. `view` stays while the connection is away and is replaced, never changed. */
export interface RunSnapshot {
  readonly id: string;
  /** the fold of the log up to `cursor`; undefined until the first answer */
  readonly view: RunView | undefined;
  /** `missing` = there is no such run that this token may see; `error` says what else went wrong */
  readonly status: 'loading' | 'ready' | 'missing' | 'error';
  /** whether every event was seen one by one */
  readonly continuity: Continuity;
  /** `EPOCH:SEQ` */
  readonly cursor: string | undefined;
  readonly error: MillraceError | undefined;
}

/** What a run store needs of its client. */
export interface RunLink {
  /** Follows the run until the returned function is called. */
  follow(store: RunStore): () => void;
  command(run: string, command: RunCommand, key?: string): Promise<CommandAnswer>;
  afterGrace(fn: () => void): () => void;
}

/**
 * One run, live: subscribed on the server while somebody listens and a moment longer, from its cursor when
 * somebody comes back. Made by `client.run(id)`.
 */
export class RunStore implements Store<RunSnapshot> {
  readonly id: string;
  readonly filter: RunFilter | undefined;
  /** names the subscription on the wire */
  readonly key: string;
  readonly #link: RunLink;
  readonly #interest: Interest;
  readonly #listeners = new Listeners();
  readonly #eventListeners = new Set<(events: readonly RunEvent[]) => void>();
  #position: Position = start;
  #view: RunView | undefined;
  #error: MillraceError | undefined;
  #snapshot: RunSnapshot;
  /** what was copied since the last publication and may be changed in place */
  #fresh = new WeakSet<object>();
  #dirty = false;

  constructor(id: string, filter: RunFilter | undefined, link: RunLink) {
    this.id = id;
    this.filter = filter;
    this.key = filterKey(id, filter);
    this.#link = link;
    this.#interest = new Interest(() => link.follow(this), link.afterGrace);
    this.#snapshot = this.#describe();
  }

  getSnapshot(): RunSnapshot {
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

  /** Calls `listener` with new events, each once and in order; not with those that a snapshot stands for. */
  onEvents(listener: (events: readonly RunEvent[]) => void): () => void {
    const entry = (events: readonly RunEvent[]) => listener(events);
    this.#eventListeners.add(entry);
    const release = this.#interest.hold();
    return () => {
      this.#eventListeners.delete(entry);
      release();
    };
  }

  /**
   * Decides an approval: `approved`, `rejected` or one of its options. Safe to repeat: the same call is written once.
   * Rejects with `already_answered`, `wait_not_found`, `run_ended`, `forbidden` or `unreachable`.
   */
  approve(approvalId: string, decision: string, comment?: string): Promise<CommandAnswer> {
    return this.command({ type: 'approve', approvalId, decision, ...(comment === undefined ? {} : { comment }) });
  }

  /** Asks something of the run. Rejects with a MillraceError, whose `row.fix` says what can be done. */
  command(command: RunCommand, key?: string): Promise<CommandAnswer> {
    return this.#link.command(this.id, command, key);
  }

  // What follows is the connection's side.

  /** What to send as `after`; without one the answer is a snapshot. */
  get after(): string | undefined {
    return afterOf(this.#position);
  }

  get behind(): boolean {
    return !this.#error && isBehind(this.#position);
  }

  attached(head: number | undefined): void {
    this.#position = attached(this.#position, head);
    this.#error = undefined;
    this.#dirty = true;
  }

  detached(): void {
    this.#position = detached(this.#position);
  }

  refused(error: MillraceError): void {
    this.#error = error;
    this.#dirty = true;
  }

  /** Takes one frame; true = the missing stretch must be asked for. */
  receive(frame: RunFrame, epoch: string): boolean {
    const before = this.#position;
    const { position, events, view, resubscribe } = follow(before, frame, epoch);
    this.#position = position;
    if (view) {
      this.#view = view;
      this.#fresh = new WeakSet();
    }
    if (events) {
      let next = this.#view ?? emptyView(this.id);
      for (const event of events) next = fold(next, event, this.#fresh);
      this.#view = next;
      if (events.length > 0) for (const tell of this.#eventListeners) tell(events);
    }
    this.#dirty ||= position !== before;
    return resubscribe ?? false;
  }

  /** Publishes what the last message changed: one new snapshot, however many frames it held. */
  flush(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#fresh = new WeakSet();
    this.#snapshot = this.#describe();
    this.#listeners.tell();
  }

  #describe(): RunSnapshot {
    const { cursor } = this.#position;
    const error = this.#error;
    const missing = error?.code === 'run_not_found' || error?.code === 'run_deleted';
    return {
      id: this.id,
      view: this.#view,
      status: error ? (missing ? 'missing' : 'error') : this.#view ? 'ready' : 'loading',
      continuity: continuityOf(this.#position),
      cursor: cursor && formatCursor(cursor.epoch, cursor.seq),
      error,
    };
  }
}
