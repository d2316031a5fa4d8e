import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error-code';
import { Interest } from './interest.ts';
import { Listeners, type Store } from './store.ts';
import type { Continuity } from './subscription.ts';

export interface ReadSnapshot<T> {
  readonly status: 'loading' | 'ready' | 'error';
  readonly value: T;
  /** of the list that tells of changes; `gap` too while what changed could not be read */
  readonly continuity: Continuity;
  readonly error: MillraceError | undefined;
}

export interface ReadOptions<T> {
  clock: Clock;
  empty: T;
  read(): Promise<T>;
  /** Tells of a change, which may be one; its continuity is this store's. The returned function ends it. */
  watch(changed: () => void): () => void;
  continuity(): Continuity;
}

/** ms between two reads at least, from a failed one to the next, and for which a store without listeners goes on */
const PAUSE = 1_000;
const RETRY = 5_000;
const GRACE = 2_000;

/** What is read over HTTP, and read again when something live tells that it may have changed. */
export class ReadStore<T> implements Store<ReadSnapshot<T>> {
  readonly #options: ReadOptions<T>;
  readonly #interest: Interest;
  readonly #listeners = new Listeners();
  #snapshot: ReadSnapshot<T>;
  #isReading = false;
  #isStale = false;
  #isOver = true;

  constructor(options: ReadOptions<T>) {
    this.#options = options;
    this.#snapshot = { status: 'loading', value: options.empty, continuity: 'complete', error: undefined };
    this.#interest = new Interest(
      () => this.#begin(),
      (fn) => options.clock.after(GRACE, fn),
    );
  }

  getSnapshot(): ReadSnapshot<T> {
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

  #begin(): () => void {
    this.#isOver = false;
    const unwatch = this.#options.watch(() => this.#changed());
    this.#changed();
    return () => {
      this.#isOver = true;
      unwatch();
    };
  }

  #changed(): void {
    this.#isStale = true;
    if (!this.#isReading) this.#read().catch(() => {});
  }

  /** One read at a time, and never two within a second, however often something changes; a failed one is repeated. */
  async #read(): Promise<void> {
    const { clock, read, continuity } = this.#options;
    this.#isReading = true;
    this.#isStale = false;
    let pause = PAUSE;
    try {
      this.#publish({ status: 'ready', value: await read(), continuity: continuity(), error: undefined });
    } catch (cause) {
      const error = cause instanceof MillraceError ? cause : new MillraceError('internal', { cause });
      const { value, status } = this.#snapshot;
      this.#publish({ status: 'error', value, continuity: status === 'loading' ? continuity() : 'gap', error });
      this.#isStale = true;
      pause = RETRY;
    }
    clock.after(pause, () => {
      this.#isReading = false;
      if (this.#isStale && !this.#isOver) this.#changed();
    });
  }

  #publish(snapshot: ReadSnapshot<T>): void {
    this.#snapshot = snapshot;
    this.#listeners.tell();
  }
}
