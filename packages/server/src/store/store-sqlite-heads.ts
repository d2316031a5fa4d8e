import type { RunState } from '@millrace/protocol';
import type { RunKey } from './store.ts';

/** A run's place in its log, and the number that stands for the run inside the database. */
export interface Head {
  id: number;
  head: number;
  ctl: number;
  at: number;
  /** 1 = yes */
  ended: number;
  status: RunState;
  /** the public status */
  shown: string;
}

/** How many runs one generation holds; each takes some 200 bytes. */
const GENERATION = 20_000;

/**
 * Where the logs of the runs that were used last end: looking that up took a third of a commit. It cannot be stale,
 * because one process owns the folder; after a rollback it is forgotten.
 */
export class RecentHeads {
  #young = new Map<string, Head>();
  #old = new Map<string, Head>();

  find(key: RunKey, load: (tenant: string, run: string) => Head | undefined): Head | undefined {
    const name = nameOf(key);
    const young = this.#young.get(name);
    if (young) return young;
    const head = this.#old.get(name) ?? load(key.tenant, key.run);
    return head && this.keep(key, head);
  }

  keep(key: RunKey, head: Head): Head {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(nameOf(key), head);
    return head;
  }

  drop(key: RunKey): void {
    this.#young.delete(nameOf(key));
    this.#old.delete(nameOf(key));
  }

  forget(): void {
    this.#young.clear();
    this.#old.clear();
  }
}

/** With the length, no tenant's name can run over into a run's. */
const nameOf = ({ tenant, run }: RunKey): string => `${tenant.length}/${tenant}/${run}`;
