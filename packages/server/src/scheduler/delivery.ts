import type { Clock } from '@millrace/protocol';
import type { Metrics } from '../metrics/metrics.ts';
import type { DueRow, Store } from '../store/store.ts';
import { DueBackoff } from './due-backoff.ts';

const BATCH = 200;
/** ms; other servers may have written due rows that nobody told us of */
const LOOK_AGAIN = 1_000;

export interface DeliveryOptions {
  store: Store;
  clock: Clock;
  metrics: Metrics;
  /** carries out a row; the row is gone when it resolves */
  deliver(row: DueRow): Promise<void>;
  /** called after each look: queue rows may have become claimable by time alone */
  looked(): void;
}

/**
 * Delivers due rows, at the time when they are due. It decides nothing: what it delivers are commands, idempotent by
 * key, so several servers may deliver the same row. A slow one holds up no other.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #backoff = new DueBackoff();
  readonly #flying = new Set<Promise<void>>();
  #stopped = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Something is due at `at` (ms since the epoch). */
  wake(at: number): void {
    if (this.#stopped || at >= this.#wakeAt) return;
    const { clock } = this.#options;
    this.#cancel();
    this.#wakeAt = at;
    this.#cancel = clock.after(at - clock.now(), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#looking = this.#looking.then(() => this.#look());
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#looking;
    await Promise.all(this.#flying);
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    const { clock, metrics, looked } = this.#options;
    let next = Number.POSITIVE_INFINITY;
    try {
      next = await this.#pass();
    } catch {
      metrics.count('due_failures_total');
    }
    looked();
    this.wake(Math.max(clock.now(), Math.min(next, clock.now() + LOOK_AGAIN)));
  }

  /** Answers when to look again. */
  async #pass(): Promise<number> {
    const { store, clock } = this.#options;
    const rows = await store.due(clock.now(), BATCH + this.#backoff.size);
    await this.#landed(this.#backoff.take(rows, clock.now()).map((row) => this.#try(row)));
    const limit = this.#backoff.size + 1;
    const standing = await store.due(clock.now() + LOOK_AGAIN, limit);
    const due = this.#backoff.settle(standing, standing.length < limit);
    return Math.min(due, (await store.nextClaimable(clock.now())) ?? Number.POSITIVE_INFINITY);
  }

  #try(row: DueRow): Promise<void> {
    const { clock, metrics, deliver } = this.#options;
    const flight = deliver(row)
      .catch(() => metrics.count('due_failures_total'))
      .then(() => {
        this.#backoff.landed(row, clock.now());
        this.#flying.delete(flight);
      });
    this.#flying.add(flight);
    return flight;
  }

  /** Resolves when all of these have landed, or when it is time to look for others. */
  async #landed(flights: readonly Promise<void>[]): Promise<void> {
    if (flights.length === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(LOOK_AGAIN, resolve);
    await Promise.race([Promise.all(flights), late]);
    cancel();
  }
}
