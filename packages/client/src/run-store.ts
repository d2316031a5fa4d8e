import { formatCursor } from '@millrace/protocol/cursor';
import { MillraceError } from '@millrace/protocol/error-code';
import type { RunEvent } from '@millrace/protocol/event';
import { fold } from '@millrace/protocol/fold';
import { filterKey, type RunCommand, type RunFilter } from '@millrace/protocol/frame';
import { emptyView, type RunView } from '@millrace/protocol/view';
import { isAnswer } from './answer.ts';
import type { CommandAnswer } from './api.ts';
import type { PendingCommand } from './command-queue.ts';
import type { Commands } from './commands.ts';
import type { History, ReadPage } from './history.ts';
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
  readonly continuity: Continuity;
  /** `EPOCH:SEQ` */
  readonly cursor: string | undefined;
  /** seq at which the view began: what came before is read with `history`, what came after was handed to `onEvents` */
  readonly since: number | undefined;
  /** commands that the view does not show yet, oldest first */
  readonly pending: readonly PendingCommand[];
  /** the last command, where it was not taken, and why; until the next one is given */
  readonly refused: { readonly command: RunCommand; readonly error: MillraceError } | undefined;
  readonly error: MillraceError | undefined;
}

/** What a run store needs of its client. */
export interface RunLink {
  /** Follows the run until the returned function is called. */
  follow(store: RunStore): () => void;
  readonly commands: Commands;
  readPage(run: string): ReadPage;
  newKey(): string;
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
  #since: number | undefined;
  #error: MillraceError | undefined;
  #pending: readonly PendingCommand[] = [];
  #refused: RunSnapshot['refused'];
  /** seq up to which the user's own commands have told where the run went */
  #told = 0;
  #history: History | undefined;
  #snapshot: RunSnapshot;
  /** events of the message at hand, not handed out yet */
  #heard: RunEvent[] = [];
  /** what was copied since the last publication and may be changed in place */
  #fresh = new WeakSet<object>();
  #dirty = false;

  constructor(id: string, filter: RunFilter | undefined, link: RunLink) {
    this.id = id;
    this.filter = filter;
    this.key = filterKey(id, filter);
    this.#link = link;
    this.#interest = new Interest(() => this.#begin(), link.afterGrace);
    this.#snapshot = this.#describe();
  }

  getSnapshot(): RunSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    const release = this.#interest.hold();
    const remove = this.#listeners.add(listener);
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
   * Rejects as `command` does, and with `already_answered`, `wait_not_found`.
   */
  approve(approvalId: string, decision: string, comment?: string): Promise<CommandAnswer> {
    return this.command({ type: 'approve', approvalId, decision, ...(comment === undefined ? {} : { comment }) });
  }

  /**
   * Asks something of the run as the snapshot shows it, and shows it there as pending at once. While the connection is
   * away it waits: see {@link Commands}. Rejects with a MillraceError: `outdated` where the run has moved on since,
   * `invalid_transition`, `run_ended`, `forbidden`, `idempotency_conflict`, `command_dropped`, `unreachable`.
   */
  async command(command: RunCommand, key = this.#link.newKey()): Promise<CommandAnswer> {
    const { view } = this.#snapshot;
    // A filtered view does not see every control event, and would be told that it is outdated.
    const ctl = !view || this.filter || isAnswer(command) ? undefined : Math.max(view.control.ctl, this.#told);
    this.#refused = undefined;
    try {
      const answer = await this.#link.commands.give({ run: this.id, key, command, ctl });
      this.#told = Math.max(this.#told, answer.seq ?? 0);
      return answer;
    } catch (error) {
      // Whoever took it back knows.
      if (error instanceof MillraceError && !error.facts?.takenBack) this.#refused = { command, error };
      this.#dirty = true;
      this.flush();
      throw error;
    }
  }

  /**
   * The events `from … through` of the log (those that the filter shows), read on demand and remembered in bounded pieces.
   * Rejects with `run_not_found`, `run_deleted`, `invalid_cursor` or `unreachable`.
   */
  async history(from: number, through: number): Promise<RunEvent[]> {
    const epoch = this.#position.cursor?.epoch;
    if (epoch === undefined) return [];
    const { History } = await import('./history.ts');
    if (this.#history?.epoch !== epoch) this.#history = new History(epoch, this.#link.readPage(this.id), this.filter);
    return this.#history.range(from, through);
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
      this.#since = position.cursor?.seq;
      this.#heard = [];
      this.#fresh = new WeakSet();
    }
    if (events) {
      let next = this.#view ?? emptyView(this.id);
      for (const event of events) next = fold(next, event, this.#fresh);
      this.#view = next;
      if (this.#eventListeners.size > 0) this.#heard = this.#heard.concat(events);
    }
    this.#dirty ||= position !== before;
    return resubscribe ?? false;
  }

  /** Publishes what the last message changed: one new snapshot, however many frames it held. */
  flush(): void {
    if (!this.#dirty) return;
    this.#shown();
    this.#dirty = false;
    this.#fresh = new WeakSet();
    this.#snapshot = this.#describe();
    const events = this.#heard;
    this.#heard = [];
    if (events.length > 0) for (const tell of this.#eventListeners) tell(events);
    this.#listeners.tell();
  }

  #begin(): () => void {
    const { commands } = this.#link;
    const look = () => {
      if (!this.#look() || this.#dirty) return;
      this.#dirty = true;
      this.flush();
    };
    const leave = [commands.subscribe(look), this.#link.follow(this)];
    look();
    return () => {
      for (const end of leave) end();
    };
  }

  /** Takes the commands of this run from the queue; false = they are what they were. */
  #look(): boolean {
    const before = this.#pending;
    const now = this.#link.commands.getSnapshot().filter(({ run }) => run === this.id);
    if (now.length === before.length && now.every((entry, at) => entry === before[at])) return false;
    this.#pending = now;
    return true;
  }

  /** A command is pending until the view shows the event that it wrote. */
  #shown(): void {
    const at = this.#position.cursor?.seq ?? 0;
    for (const entry of this.#pending) if (entry.seq !== undefined && entry.seq <= at) this.#link.commands.shown(entry);
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
      since: this.#since,
      pending: this.#pending,
      refused: this.#refused,
      error,
    };
  }
}
