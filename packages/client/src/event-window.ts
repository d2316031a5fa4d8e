import type { RunEvent } from '@millrace/protocol/event';
import type { RunStore } from './run-store.ts';
import { Listeners, type Store } from './store.ts';

/** The newest events of a run, from the moment that somebody listens. Older ones are read with `api.events`. */
export class EventWindow implements Store<readonly RunEvent[]> {
  readonly #run: RunStore;
  readonly #limit: number;
  readonly #listeners = new Listeners();
  #events: readonly RunEvent[] = [];
  #seen = 0;
  #silence: (() => void) | undefined;

  constructor(run: RunStore, limit: number) {
    this.#run = run;
    this.#limit = limit;
  }

  getSnapshot(): readonly RunEvent[] {
    return this.#events;
  }

  subscribe(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    this.#silence ??= this.#run.onEvents((events) => this.#add(events));
    return () => {
      remove();
      if (this.#listeners.size > 0) return;
      this.#silence?.();
      this.#silence = undefined;
    };
  }

  #add(events: readonly RunEvent[]): void {
    // Seqs that start over are another log's.
    const last = events.at(-1)?.seq ?? 0;
    const known = last < this.#seen ? [] : this.#events;
    this.#seen = last;
    this.#events = [...known, ...events].slice(-this.#limit);
    this.#listeners.tell();
  }
}
