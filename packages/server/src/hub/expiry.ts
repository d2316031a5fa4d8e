import type { Clock } from '@millrace/protocol';

/** A connection that ends with its token. */
export interface Expiring {
  /** ms since the epoch */
  readonly expires: number;
  expire(): void;
}

/** Ends connections when their tokens' time is over: one timer for all of them. */
export class Expiries {
  readonly #clock: Clock;
  readonly #members = new Set<Expiring>();
  #at = Number.POSITIVE_INFINITY;
  #cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Also where `expires` has changed. */
  add(member: Expiring): void {
    this.#members.add(member);
    if (member.expires < this.#at) this.#wakeAt(member.expires);
  }

  delete(member: Expiring): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#wakeAt(Number.POSITIVE_INFINITY);
  }

  #wakeAt(at: number): void {
    this.#cancel();
    this.#at = at;
    this.#cancel = () => {};
    // A clock may wake early: it keeps no timer for longer than some weeks.
    if (at < Number.POSITIVE_INFINITY) this.#cancel = this.#clock.after(at - this.#clock.now(), () => this.#wake());
  }

  #wake(): void {
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const member of [...this.#members]) {
      if (member.expires <= now) member.expire();
      else next = Math.min(next, member.expires);
    }
    this.#wakeAt(next);
  }
}
