import type { Clock } from '@millrace/protocol';
import type { Metrics } from '../metrics/metrics.ts';
import type { Store } from '../store/store.ts';

/** ms between two looks at the grants behind connections */
const LOOK_MS = 1_000;
/** grants that are read at the same time */
const READS = 64;

interface Watched {
  tenant: string;
  grant: string;
  listeners: Set<() => void>;
}

/** Tells connections of scoped tokens that their grant has ended: it was revoked, spent, or went with its run. */
export class GrantWatch {
  readonly #store: Pick<Store, 'grant'>;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  #watched = new Map<string, Watched>();
  #cancel: (() => void) | undefined;

  constructor({ store, clock, metrics }: { store: Pick<Store, 'grant'>; clock: Clock; metrics: Metrics }) {
    this.#store = store;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Calls `ended` once, within about a second of the grant's end. The returned function takes that back. */
  watch(tenant: string, grant: string, ended: () => void): () => void {
    const key = `${tenant}/${grant}`;
    const watched = this.#watched.get(key) ?? { tenant, grant, listeners: new Set() };
    this.#watched.set(key, watched);
    watched.listeners.add(ended);
    this.#cancel ??= this.#later();
    return () => {
      watched.listeners.delete(ended);
      if (watched.listeners.size > 0 || this.#watched.get(key) !== watched) return;
      this.#watched.delete(key);
      if (this.#watched.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  /** The grant has ended, this very moment. */
  ended(tenant: string, grant: string): void {
    for (const ended of [...(this.#watched.get(`${tenant}/${grant}`)?.listeners ?? [])]) ended();
  }

  #later(): () => void {
    return this.#clock.after(LOOK_MS, () => {
      this.#look()
        .catch(() => this.#metrics.count('hub_grant_errors_total'))
        .finally(() => {
          this.#cancel = this.#watched.size > 0 ? this.#later() : undefined;
        });
    });
  }

  async #look(): Promise<void> {
    const all = [...this.#watched.values()];
    for (let from = 0; from < all.length; from += READS) {
      await Promise.all(
        all.slice(from, from + READS).map(async ({ tenant, grant }) => {
          const row = await this.#store.grant(tenant, grant);
          if (!row || row.endedAt !== undefined) this.ended(tenant, grant);
        }),
      );
    }
  }
}
