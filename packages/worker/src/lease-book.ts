import type { Clock, LeaseRef } from '@millrace/protocol';

export function leaseKey({ run, node, attempt }: LeaseRef): string {
  return `${run}/${node}/${attempt}`;
}

/**
 * The leases that this worker holds, each with the moment at which its own right to go on ends. That moment is counted
 * from sending the renewal that was answered, so it never lies behind the one that the server counts.
 */
export class LeaseBook {
  readonly #clock: Clock;
  readonly #refresh: () => void;
  readonly #passed: (lease: LeaseRef) => void;
  readonly #leases = new Map<string, { lease: LeaseRef; until: number }>();
  #unset = () => {};

  /** `refresh` is called before a lease is given up: news of it may have arrived unread while the thread was busy. */
  constructor(clock: Clock, passed: (lease: LeaseRef) => void, refresh: () => void = () => {}) {
    this.#clock = clock;
    this.#passed = passed;
    this.#refresh = refresh;
  }

  get leases(): LeaseRef[] {
    return [...this.#leases.values()].map(({ lease }) => lease);
  }

  hold(lease: LeaseRef, until: number): void {
    const { run, node, attempt } = lease;
    this.#leases.set(leaseKey(lease), { lease: { run, node, attempt }, until });
    this.#arm();
  }

  /** Moves the moment of a lease that is still held. */
  extend(lease: LeaseRef, until: number): void {
    const held = this.#leases.get(leaseKey(lease));
    if (held) held.until = Math.max(held.until, until);
  }

  release(lease: LeaseRef): void {
    this.#leases.delete(leaseKey(lease));
  }

  clear(): void {
    this.#leases.clear();
    this.#unset();
  }

  #arm(): void {
    this.#unset();
    const first = Math.min(...[...this.#leases.values()].map(({ until }) => until));
    if (first !== Infinity) this.#unset = this.#clock.after(first - this.#clock.now(), () => this.#check());
  }

  #check(): void {
    this.#refresh();
    const now = this.#clock.now();
    for (const [key, { lease, until }] of this.#leases) {
      if (until > now) continue;
      this.#leases.delete(key);
      this.#passed(lease);
    }
    this.#arm();
  }
}
