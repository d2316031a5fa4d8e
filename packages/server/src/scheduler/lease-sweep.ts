import type { Clock } from '@millrace/protocol';
import type { Engine } from '../engine/face.ts';
import type { Store } from '../store/store.ts';

const BATCH = 500;

/**
 * Ends attempts whose lease has expired, and keeps the leases of workers in this very process. A sweep that comes
 * late by more than a third of a lease (the process was stopped, or this is its first) gives one lease of grace:
 * workers that live must have had the chance to renew. Leases of a dead process's own workers need no grace where
 * the store is ours alone: nobody can be left who holds them.
 */
export class LeaseSweep {
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #boot: string;
  readonly #lease: number;
  #last: number | undefined;
  #graceUntil = 0;

  constructor(options: { store: Store; engine: Engine; clock: Clock; boot: string; lease: number }) {
    this.#store = options.store;
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#boot = options.boot;
    this.#lease = options.lease;
  }

  /** ms between two sweeps */
  get interval(): number {
    return Math.max(100, Math.floor(this.#lease / 6));
  }

  async run(): Promise<void> {
    const now = this.#clock.now();
    const first = this.#last === undefined;
    if (first || now - (this.#last as number) > this.interval + this.#lease / 3) this.#graceUntil = now + this.#lease;
    this.#last = now;
    await this.#keepOwn(now);
    if (first && !this.#store.capabilities.shared) await this.#expireDead();
    if (now < this.#graceUntil) return;
    for (const lease of await this.#store.leases({ expiredAt: now, limit: BATCH })) {
      if (lease.boot !== this.#boot) await this.#engine.expire(lease, now);
    }
  }

  async #keepOwn(now: number): Promise<void> {
    const own = await this.#store.leases({ boot: this.#boot, limit: BATCH });
    const byWorker = Map.groupBy(
      own.filter((lease) => lease.expires < now + (this.#lease * 2) / 3),
      (lease) => lease.worker,
    );
    for (const [worker, leases] of byWorker) await this.#store.renewLeases(worker, leases, now + this.#lease);
  }

  async #expireDead(): Promise<void> {
    const all = await this.#store.leases({ limit: 100_000 });
    for (const lease of all) {
      if (lease.boot !== '' && lease.boot !== this.#boot) await this.#engine.expire(lease, Number.MAX_SAFE_INTEGER);
    }
  }
}
