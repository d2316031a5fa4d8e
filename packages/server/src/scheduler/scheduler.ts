import type { Clock } from '@millrace/protocol';
import type { Engine } from '../engine/face.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Store } from '../store/store.ts';
import { LeaseSweep } from './lease-sweep.ts';

const BATCH = 200;
/** ms; other servers may have written due rows that nobody told us of, and a failed delivery is tried again */
const LOOK_AGAIN = 1_000;

/**
 * Delivers what is due and sweeps leases. It decides nothing: what it delivers are commands, idempotent by key, so
 * several schedulers may run and a delivery may happen twice.
 */
export class Scheduler {
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #leases: LeaseSweep;
  #stopped = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelDue: () => void = () => undefined;
  #cancelSweep: () => void = () => undefined;
  #delivering: Promise<void> = Promise.resolve();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: { store: Store; engine: Engine; clock: Clock; metrics: Metrics; boot: string; lease: number }) {
    this.#store = options.store;
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#leases = new LeaseSweep(options);
  }

  start(): void {
    this.#engine.onDue((at) => this.#wake(at));
    this.#wake(this.#clock.now());
    this.#sweep();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelDue();
    this.#cancelSweep();
    await Promise.all([this.#delivering, this.#sweeping]);
  }

  #wake(at: number): void {
    if (this.#stopped || at >= this.#wakeAt) return;
    this.#cancelDue();
    this.#wakeAt = at;
    this.#cancelDue = this.#clock.after(at - this.#clock.now(), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#delivering = this.#delivering.then(() => this.#deliver());
    });
  }

  async #deliver(): Promise<void> {
    if (this.#stopped) return;
    let next = this.#clock.now() + LOOK_AGAIN;
    try {
      const rows = await this.#store.due(this.#clock.now(), BATCH);
      const results = await Promise.allSettled(rows.map((row) => this.#engine.deliver(row)));
      const failed = results.filter((result) => result.status === 'rejected').length;
      if (failed > 0) this.#metrics.count('due_failures_total', failed);
      this.#engine.wakeAll();
      const upcoming = failed > 0 ? undefined : await this.#store.nextDue();
      next = Math.min(
        next,
        upcoming ?? Number.POSITIVE_INFINITY,
        (await this.#store.nextClaimable(this.#clock.now())) ?? Number.POSITIVE_INFINITY,
      );
    } catch {
      this.#metrics.count('due_failures_total');
    }
    this.#wake(Math.max(next, this.#clock.now()));
  }

  #sweep(): void {
    this.#sweeping = this.#leases
      .run()
      .catch(() => this.#metrics.count('sweep_failures_total'))
      .then(() => {
        if (this.#stopped) return;
        this.#cancelSweep = this.#clock.after(this.#leases.interval, () => this.#sweep());
      });
  }
}
