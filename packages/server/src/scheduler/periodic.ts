import type { Clock } from '@millrace/protocol';
import type { Engine } from '../engine/face.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Store } from '../store/store.ts';

/** One bounded piece of work that is done again and again. */
export interface Sweep {
  /** stands in the metrics */
  readonly name: string;
  /** ms between two rounds */
  readonly interval: number;
  /** Does one piece; true = the round is not finished. */
  run(): Promise<boolean>;
}

/** What a sweep works with. `failed`: something of it could not be done, and the next round tries it again. */
export interface SweepParts {
  store: Store;
  engine: Engine;
  now: () => number;
  failed: (sweep: string) => void;
}

/** ms between the pieces of a round, in which everybody else gets their turn */
export const PAUSE = 20;

/** Runs a sweep until it is stopped. After a piece that failed the sweep goes on when its interval is over. */
export class Periodic {
  readonly #sweep: Sweep;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  #stopped = false;
  #cancel: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(sweep: Sweep, clock: Clock, metrics: Metrics) {
    this.#sweep = sweep;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** `first`: ms until the first piece; 0 = now. */
  start(first: number = this.#sweep.interval): void {
    if (first === 0) this.#running = this.#piece();
    else this.#after(first);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#running;
  }

  #after(ms: number): void {
    if (this.#stopped) return;
    this.#cancel = this.#clock.after(ms, () => {
      this.#running = this.#piece();
    });
  }

  async #piece(): Promise<void> {
    let more = false;
    try {
      more = await this.#sweep.run();
    } catch {
      this.#metrics.count('sweep_failures_total', 1, { sweep: this.#sweep.name });
    }
    this.#after(more ? PAUSE : this.#sweep.interval);
  }
}
