import type { RunKey } from './rows.ts';

/** Values by run. The tenant leads, and no name is put together to look one up: that took 5 % of an append. */
export class RunMap<Value> {
  readonly #tenants = new Map<string, Map<string, Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ tenant, run }: RunKey): Value | undefined {
    return this.#tenants.get(tenant)?.get(run);
  }

  set({ tenant, run }: RunKey, value: Value): void {
    let runs = this.#tenants.get(tenant);
    if (!runs) {
      runs = new Map();
      this.#tenants.set(tenant, runs);
    }
    const before = runs.size;
    runs.set(run, value);
    this.#size += runs.size - before;
  }

  delete({ tenant, run }: RunKey): void {
    const runs = this.#tenants.get(tenant);
    if (!runs?.delete(run)) return;
    this.#size -= 1;
    if (runs.size === 0) this.#tenants.delete(tenant);
  }

  *values(): Generator<Value> {
    for (const runs of this.#tenants.values()) yield* runs.values();
  }
}
