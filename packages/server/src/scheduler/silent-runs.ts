import type { RunRow, SilentQuery, Store } from '../store/store.ts';

/**
 * Walks the runs that have long been silent, a batch a step. In one round it meets each run once: those that it leaves
 * as they are (a hold, a later due time, an error) do not stand in the way of those behind them.
 */
export class SilentRuns {
  readonly #store: Store;
  readonly #batch: number;
  readonly #failed: () => void;
  readonly #met = new Set<string>();
  #left = 0;

  /** `failed` is told of each run that could not be acted on; it stays for the next round. */
  constructor(store: Store, batch: number, failed: () => void) {
    this.#store = store;
    this.#batch = batch;
    this.#failed = failed;
  }

  /** `act` answers whether it took the run out of the query; the step, whether there may be more. */
  async step(query: Omit<SilentQuery, 'limit'>, act: (row: RunRow) => Promise<boolean>): Promise<boolean> {
    const limit = this.#batch + this.#left;
    const rows = await this.#store.silentRuns({ ...query, limit });
    const fresh = rows.filter((row) => !this.#met.has(id(row)));
    for (const row of fresh) this.#met.add(id(row));
    for (const done of await Promise.allSettled(fresh.map(act))) {
      if (done.status === 'rejected') this.#failed();
      if (done.status === 'rejected' || !done.value) this.#left += 1;
    }
    if (rows.length === limit && fresh.length > 0) return true;
    this.#met.clear();
    this.#left = 0;
    return false;
  }
}

function id({ tenant, run }: RunRow): string {
  return JSON.stringify([tenant, run]);
}
