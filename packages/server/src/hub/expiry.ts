import type { Clock } from '@millrace/protocol';

/** Calls `expired` when a token's time is over. */
export class Expiry {
  readonly #clock: Clock;
  readonly #expired: () => void;
  #cancel: () => void = () => {};

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** `at`: ms since the epoch; replaces what was set before. */
  set(at: number): void {
    this.#cancel();
    const left = at - this.#clock.now();
    // A clock may wake early: it keeps no timer for longer than some weeks.
    this.#cancel = this.#clock.after(Math.max(0, left), () =>
      this.#clock.now() < at ? this.set(at) : this.#expired(),
    );
  }

  clear(): void {
    this.#cancel();
  }
}
