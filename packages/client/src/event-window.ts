import type { RunEvent } from '@millrace/protocol/event';
import type { RunStore } from './run-store.ts';
import { Listeners, type Store } from './store.ts';
import type { Continuity } from './subscription.ts';

export interface EventsSnapshot {
  /** oldest first, each once */
  readonly events: readonly RunEvent[];
  /** seqs: every event from `from` through `through` is among `events` (that the store's filter shows) */
  readonly from: number;
  readonly through: number;
  /** of the run's store; after `repaired` the window begins anew behind the snapshot */
  readonly continuity: Continuity;
}

/** events of one call of `earlier`, and the most that a window holds */
const STEP = 1_000;
const MOST = 50_000;

/** The newest events of a run, from the moment that somebody listens; earlier ones are read before them on demand. */
export class EventWindow implements Store<EventsSnapshot> {
  readonly #run: RunStore;
  readonly #listeners = new Listeners();
  #room: number;
  /** the epoch and seq of the snapshot that the run's view began with */
  #origin = '';
  #snapshot: EventsSnapshot = { events: [], from: 1, through: 0, continuity: 'complete' };
  #cursor: string | undefined;
  #leave: (() => void)[] = [];

  constructor(run: RunStore, limit: number) {
    this.#run = run;
    this.#room = limit;
  }

  getSnapshot(): EventsSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      let heard: readonly RunEvent[] = [];
      this.#leave = [
        this.#run.onEvents((events) => {
          heard = events;
        }),
        this.#run.subscribe(() => {
          this.#add(heard);
          heard = [];
        }),
      ];
      if (this.#run.getSnapshot().cursor !== this.#cursor) this.#begin();
    }
    return () => {
      remove();
      if (this.#listeners.size === 0) for (const leave of this.#leave.splice(0)) leave();
    };
  }

  /**
   * Reads the events before the window, at most `count`, and makes room for them. Resolves to false where there are none,
   * or no room. Rejects as `RunStore.history` does.
   */
  async earlier(count = STEP): Promise<boolean> {
    const { from } = this.#snapshot;
    const start = Math.max(1, from - count);
    if (from <= 1 || this.#room >= MOST) return false;
    const events = await this.#run.history(start, from - 1);
    const now = this.#snapshot;
    if (now.from !== from) return true;
    this.#room = Math.min(MOST, Math.max(this.#room, now.events.length) + events.length);
    this.#publish({ ...now, events: [...events, ...now.events], from: start });
    return true;
  }

  /** Nothing is known of what came before this. */
  #begin(): void {
    const { cursor, since = 0, continuity } = this.#run.getSnapshot();
    const through = seqOf(cursor);
    this.#cursor = cursor;
    this.#origin = `${cursor?.split(':')[0]}:${since}`;
    this.#snapshot = { events: [], from: through + 1, through, continuity };
  }

  #add(heard: readonly RunEvent[]): void {
    const { cursor, since = 0, continuity } = this.#run.getSnapshot();
    const before = this.#snapshot;
    if (cursor === this.#cursor && continuity === before.continuity) return;
    const goesOn = this.#origin === `${cursor?.split(':')[0]}:${since}`;
    if (!goesOn) this.#begin();
    this.#cursor = cursor;
    const all = heard.length === 0 ? this.#snapshot.events : [...this.#snapshot.events, ...heard];
    const events = all.length > this.#room ? all.slice(-this.#room) : all;
    const from = events.length < all.length ? (events[0]?.seq ?? 1) : goesOn ? before.from : since + 1;
    this.#publish({ events, from, through: seqOf(cursor), continuity });
  }

  #publish(snapshot: EventsSnapshot): void {
    this.#snapshot = snapshot;
    this.#listeners.tell();
  }
}

function seqOf(cursor: string | undefined): number {
  return Number(cursor?.split(':')[1] ?? 0);
}
