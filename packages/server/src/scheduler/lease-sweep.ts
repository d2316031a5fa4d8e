import type { Engine } from '../engine/face.ts';
import type { LeaseRow, Store } from '../store/store.ts';
import type { Sweep, SweepParts } from './periodic.ts';

const BATCH = 500;

/**
 * Ends attempts whose lease has expired, and keeps the leases of workers in this very process. A sweep that comes
 * late by more than a third of a lease (the process was stopped, or this is its first) gives one lease of grace:
 * workers that live must have had the chance to renew. Leases of a dead process's own workers need no grace where
 * the store is ours alone: nobody can be left who holds them.
 */
export class LeaseSweep implements Sweep {
  readonly name = 'lease';
  readonly interval: number;
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #now: () => number;
  readonly #failed: () => void;
  readonly #boot: string;
  readonly #lease: number;
  #last: number | undefined;
  #graceUntil = 0;

  constructor({ store, engine, now, failed }: SweepParts, options: { boot: string; lease: number }) {
    this.#store = store;
    this.#engine = engine;
    this.#now = now;
    this.#failed = () => failed(this.name);
    this.#boot = options.boot;
    this.#lease = options.lease;
    this.interval = Math.max(100, Math.floor(options.lease / 6));
  }

  async run(): Promise<boolean> {
    const now = this.#now();
    const first = this.#last === undefined;
    if (first || now - (this.#last as number) > this.interval + this.#lease / 3) this.#graceUntil = now + this.#lease;
    this.#last = now;
    await this.#keepOwn(now);
    if (first && !this.#store.capabilities.shared) await this.#expireDead();
    if (now < this.#graceUntil) return false;
    const expired = await this.#store.leases({ expiredAt: now, limit: BATCH });
    await this.#expire(
      expired.filter((lease) => lease.boot !== this.#boot),
      now,
    );
    return false;
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
    const dead = all.filter((lease) => lease.boot !== '' && lease.boot !== this.#boot);
    await this.#expire(dead, Number.MAX_SAFE_INTEGER);
  }

  /** All at once, so that they share transactions; one that cannot be ended keeps nobody else's lease alive. */
  async #expire(leases: readonly LeaseRow[], at: number): Promise<void> {
    const ended = await Promise.allSettled(leases.map((lease) => this.#engine.expire(lease, at)));
    for (const one of ended) if (one.status === 'rejected') this.#failed();
  }
}
