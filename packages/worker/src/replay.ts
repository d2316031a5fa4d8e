import { type Journal, MillraceError } from '@millrace/protocol';
import { nextTurn } from './clock.ts';
import { lastResult } from './journal.ts';

/**
 * A handler's way through what earlier attempts have left in the log.
 *
 * Answers are given in the order in which the log holds them, one a turn, so that races end as they did and what
 * the handler tells in between falls where it fell before. It is silent until the newest result has been given,
 * or until it calls something that the log does not hold: what earlier attempts told up to there still stands,
 * and what they told after it is retracted, so from there on it is told again.
 */
export class Replay {
  readonly #last: number;
  readonly #called = new Set<string>();
  #queue: { seq: number; give: () => void }[] = [];
  #over: boolean;

  constructor(journal: Journal) {
    this.#last = lastResult(journal);
    this.#over = this.#last === 0;
  }

  get silent(): boolean {
    return !this.#over || this.#queue.length > 0;
  }

  /** Errors: `step_name_reused`. */
  call(id: string): void {
    if (this.#called.has(id)) {
      throw new MillraceError('step_name_reused', {
        detail: `"${id}" was already called in this attempt. Give each call its own key.`,
        facts: { call: id },
      });
    }
    this.#called.add(id);
  }

  /** Something is called that the log does not hold. */
  leave(): void {
    this.#over = true;
  }

  answer<T>(seq: number, value: T): Promise<T> {
    return new Promise((resolve) => {
      this.#queue.push({ seq, give: () => resolve(value) });
      if (this.#queue.length === 1) nextTurn(() => this.#give());
    });
  }

  #give(): void {
    const next = this.#queue.reduce((first, other) => (other.seq < first.seq ? other : first));
    this.#queue = this.#queue.filter((other) => other !== next);
    if (next.seq >= this.#last) this.#over = true;
    next.give();
    if (this.#queue.length > 0) nextTurn(() => this.#give());
  }
}
