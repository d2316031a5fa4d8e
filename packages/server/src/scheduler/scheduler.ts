import type { Clock } from '@millrace/protocol';
import type { Engine } from '../engine/face.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Store } from '../store/store.ts';
import { Compaction } from './compaction.ts';
import { Delivery } from './delivery.ts';
import type { Schedules } from './face.ts';
import { HungSweep } from './hung-sweep.ts';
import { LeaseSweep } from './lease-sweep.ts';
import { Periodic, type SweepParts } from './periodic.ts';
import { Retention } from './retention.ts';
import { StaleSweep } from './stale-sweep.ts';
import { StoredSchedules } from './stored-schedules.ts';
import { defaultSweeps, type SweepOptions } from './sweep-options.ts';

export interface SchedulerOptions {
  store: Store;
  engine: Engine;
  clock: Clock;
  metrics: Metrics;
  /** this server's boot */
  boot: string;
  /** ms */
  lease: number;
  sweeps?: Partial<SweepOptions>;
}

/**
 * Delivers what is due, fires schedules, and sweeps. Everything it does is idempotent or fenced by the run's row, so
 * any number of schedulers may work on one store.
 */
export class Scheduler {
  readonly schedules: Schedules;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #leases: Periodic;
  readonly #sweeps: Periodic[];

  constructor({ store, engine, clock, metrics, boot, lease, sweeps }: SchedulerOptions) {
    this.#engine = engine;
    this.#clock = clock;
    const now = () => clock.now();
    const schedules = new StoredSchedules({ store, engine, now, onDue: (at) => this.#delivery.wake(at) });
    this.schedules = schedules;
    this.#delivery = new Delivery({
      ...{ store, clock, metrics },
      deliver: (row) => (schedules.owns(row) ? schedules.fire(row) : engine.deliver(row)),
      looked: () => engine.wakeAll(),
    });
    const failed = (sweep: string) => metrics.count('sweep_failures_total', 1, { sweep });
    const parts: SweepParts = { store, engine, now, failed };
    const options = { ...defaultSweeps, ...sweeps };
    this.#leases = new Periodic(new LeaseSweep(parts, { boot, lease }), clock, metrics);
    this.#sweeps = [
      ...(store.compact ? [new Compaction({ store })] : []),
      ...(options.enableAutoRecovery ? [new HungSweep(parts, options)] : []),
      ...(options.enableAutoCleanup ? [new StaleSweep(parts, options), new Retention(parts, options)] : []),
    ].map((sweep) => new Periodic(sweep, clock, metrics));
  }

  /** The other sweeps wait for their first interval, so that whoever was cut off from us can be heard again. */
  start(): void {
    this.#engine.onDue((at) => this.#delivery.wake(at));
    this.#delivery.wake(this.#clock.now());
    this.#leases.start(0);
    for (const sweep of this.#sweeps) sweep.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#delivery, this.#leases, ...this.#sweeps].map((part) => part.stop()));
  }
}
