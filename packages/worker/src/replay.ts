import { type Journal, MillraceError } from '@millrace/protocol';
import { nextTurn } from './clock.ts';
import { resultsOf } from './journal.ts';

interface Given {
  seq: number;
  ready: Promise<unknown>;
  give: () => void;
}

/**
 * A handler's way along the log, first through what earlier attempts have left in it, then where nobody was before.
 *
 * Every result of a durable call is given here: in the order of the log, one a turn, so that what follows a result falls
 * where it fell before, and races end in a replay as they did when they were live. What the handler tells after a recorded
 * result is silent as long as the log holds a later one that it has not reached: up to there it has been told
 * and stands; what was told after it is retracted, and told again.
 */
export class Replay {
  /** places of recorded results that the handler has not reached */
  readonly #ahead: Set<number>;
  #called: Set<string> | undefined;
  #queue: Given[] = [];
  #newest: number;
  /** the place of the result that was given last; a live one lies behind all that is recorded */
  #at = 0;

  constructor(journal: Journal) {
    this.#ahead = new Set(resultsOf(journal));
    this.#newest = newest(this.#ahead);
  }

  get silent(): boolean {
    return this.#at < this.#newest;
  }

  /** Whether the log holds a result at this place which the handler has yet to reach. */
  awaits(seq: number): boolean {
    return seq > this.#at && this.#ahead.has(seq);
  }

  /** Errors: `step_name_reused`. */
  call(id: string): void {
    this.#called ??= new Set();
    if (this.#called.has(id)) {
      throw new MillraceError('step_name_reused', {
        detail: `"${id}" was already called in this attempt. Give each call its own key.`,
        facts: { call: id },
      });
    }
    this.#called.add(id);
  }

  /** Gives a result that stands at `seq`. Later ones wait until it is ready, however long that takes. */
  answer<T>(seq: number, value: T | Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      const ready = Promise.resolve(value);
      ready.catch(() => {});
      this.#queue.push({ seq, ready, give: () => resolve(ready) });
      if (this.#queue.length === 1) this.#next();
    });
  }

  #next(): void {
    nextTurn(() => {
      const next = this.#queue.reduce((first, other) => (other.seq < first.seq ? other : first));
      const give = (): void => {
        this.#queue.splice(this.#queue.indexOf(next), 1);
        this.#reach(next.seq);
        next.give();
        if (this.#queue.length > 0) this.#next();
      };
      next.ready.then(give, give);
    });
  }

  #reach(seq: number): void {
    const recorded = this.#ahead.delete(seq);
    this.#at = recorded ? seq : Number.POSITIVE_INFINITY;
    if (seq === this.#newest) this.#newest = newest(this.#ahead);
  }
}

function newest(seqs: Iterable<number>): number {
  let last = 0;
  for (const seq of seqs) last = Math.max(last, seq);
  return last;
}
