import type { RunKey } from './store.ts';

/** How many runs one generation holds. */
const GENERATION = 20_000;

/**
 * The numbers of the runs that were asked for of late. They never change, and with the number in its text a question
 * is planned for the one partition that holds the run.
 */
export class RunNumbers {
  readonly #load: (key: RunKey) => Promise<string | undefined>;
  #young = new Map<string, string>();
  #old = new Map<string, string>();

  constructor(load: (key: RunKey) => Promise<string | undefined>) {
    this.#load = load;
  }

  async find(key: RunKey): Promise<string | undefined> {
    const name = nameOf(key);
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const found = this.#old.get(name) ?? (await this.#load(key));
    if (found === undefined) return undefined;
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, found);
    return found;
  }

  drop(key: RunKey): void {
    this.#young.delete(nameOf(key));
    this.#old.delete(nameOf(key));
  }
}

/** With the length, no tenant's name can run over into a run's. */
const nameOf = ({ tenant, run }: RunKey): string => `${tenant.length}/${tenant}/${run}`;
