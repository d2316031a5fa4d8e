import type { Cursor } from '@millrace/protocol/cursor';
import type { MillraceError } from '@millrace/protocol/error-code';
import { fold } from '@millrace/protocol/fold';
import type { EventRange, RunFilter } from '@millrace/protocol/frame';
import { emptyView, type RunView } from '@millrace/protocol/view';
import type { RunFollower } from '../exchange.ts';
import { Interest } from '../interest.ts';
import { afterOf, attached, detached, follow, isBehind, type RunFrame, start } from '../subscription.ts';

/** A tab that reads the run. */
export interface RunReader {
  /** the view came, or was replaced by a snapshot */
  replaced(): void;
  /** what was committed, contiguous with what the run has told before */
  range(range: EventRange): void;
  refused(error: MillraceError): void;
}

/** One subscription on the server for all tabs that follow the same run, with the view that a new tab begins with. */
export class SharedRun implements RunFollower {
  readonly id: string;
  readonly filter: RunFilter | undefined;
  readonly key: string;
  readonly #interest: Interest;
  readonly #readers = new Set<RunReader>();
  /** nobody else holds the view, so it is folded in place */
  readonly #own = new WeakSet<object>();
  #position = start;
  #view: RunView | undefined;
  #error: MillraceError | undefined;

  constructor(
    { id, filter, key }: Pick<RunFollower, 'id' | 'filter' | 'key'>,
    followRun: (run: SharedRun) => () => void,
    afterGrace: (fn: () => void) => () => void,
  ) {
    this.id = id;
    this.filter = filter;
    this.key = key;
    this.#interest = new Interest(() => followRun(this), afterGrace);
  }

  /** Serves a reader until the returned function is called. */
  join(reader: RunReader): () => void {
    this.#readers.add(reader);
    const release = this.#interest.hold();
    return () => {
      this.#readers.delete(reader);
      release();
    };
  }

  /** The fold of everything up to `cursor`; undefined until the server has answered. To be copied, never kept. */
  get view(): RunView | undefined {
    return this.#view;
  }

  get cursor(): Cursor | undefined {
    return this.#position.cursor;
  }

  get head(): number {
    return Math.max(this.#position.head ?? 0, this.#position.cursor?.seq ?? 0);
  }

  get error(): MillraceError | undefined {
    return this.#error;
  }

  get after(): string | undefined {
    return afterOf(this.#position);
  }

  get behind(): boolean {
    return !this.#error && isBehind(this.#position);
  }

  attached(head: number | undefined): void {
    this.#position = attached(this.#position, head);
    this.#error = undefined;
  }

  detached(): void {
    this.#position = detached(this.#position);
  }

  refused(error: MillraceError): void {
    this.#error = error;
    for (const reader of [...this.#readers]) reader.refused(error);
  }

  receive(frame: RunFrame, epoch: string): boolean {
    const seq = (this.#position.cursor?.seq ?? 0) + 1;
    const { position, events, view, resubscribe } = follow(this.#position, frame, epoch);
    this.#position = position;
    if (view) {
      this.#view = view;
      for (const reader of [...this.#readers]) reader.replaced();
    }
    if (events && position.cursor) {
      let next = this.#view ?? emptyView(this.id);
      for (const event of events) next = fold(next, event, this.#own);
      this.#view = next;
      const range = { run: this.id, seq, through: position.cursor.seq, events };
      for (const reader of [...this.#readers]) reader.range(range);
    }
    return resubscribe ?? false;
  }

  flush(): void {}
}
