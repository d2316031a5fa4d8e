import type { Store } from '../store/store.ts';
import type { Sweep, SweepParts } from './periodic.ts';
import { SilentRuns } from './silent-runs.ts';
import { DAY, type RetentionDays, type SweepOptions } from './sweep-options.ts';

/** A deletion is a transaction of its own, which a disk has to confirm. */
const BATCH = 20;

/**
 * Deletes ended runs when their time is over: whole or, under a legal hold, not at all. The last event of an ended
 * run is its end, so its silence is its age.
 */
export class Retention implements Sweep {
  readonly name = 'retention';
  readonly interval: number;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #kept: { status: keyof RetentionDays; ms: number; runs: SilentRuns }[];
  #deleted = 0;

  constructor({ store, now, failed }: SweepParts, options: SweepOptions) {
    this.#store = store;
    this.#now = now;
    this.interval = options.checkIntervalSecs * 1_000;
    this.#kept = (['completed', 'failed', 'cancelled'] as const)
      .filter((status) => options.retentionDays[status] > 0)
      .map((status) => ({
        status,
        ms: options.retentionDays[status] * DAY,
        runs: new SilentRuns(store, BATCH, () => failed(this.name)),
      }));
  }

  async run(): Promise<boolean> {
    let more = false;
    for (const { status, ms, runs } of this.#kept) {
      const query = { status: [status], before: this.#now() - ms };
      more = (await runs.step(query, ({ tenant, run }) => this.#delete(tenant, run))) || more;
    }
    if (more) return true;
    if (this.#deleted > 0) await this.#store.reclaim?.();
    this.#deleted = 0;
    return false;
  }

  async #delete(tenant: string, run: string): Promise<boolean> {
    const gone = await this.#store.deleteRun({ tenant, run });
    if (gone) this.#deleted += 1;
    return gone;
  }
}
