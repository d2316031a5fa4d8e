import type { RunKey } from './store.ts';

/** How many runs one generation holds. */
const GENERATION = 20_000;

/**
 * The numbers of the runs that were asked for or written to of late. In one history of the database they never change,
 * and with the number in its text a question is planned for the one partition that holds the run.
 */
export class RunNumbers {
  #young = new Map<string, bigint>();
  #old = new Map<string, bigint>();

  get(key: RunKey): bigint | undefined {
    const name = nameOf(key);
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.#set(name, old);
    return old;
  }

  set(key: RunKey, number: bigint): void {
    this.#set(nameOf(key), number);
  }

  #set(name: string, number: bigint): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, number);
  }

  /** The database has another history than it had. */
  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  drop(key: RunKey): void {
    this.#young.delete(nameOf(key));
    this.#old.delete(nameOf(key));
  }
}

/** With the length, no tenant's name can run over into a run's. */
const nameOf = ({ tenant, run }: RunKey): string => `${tenant.length}/${tenant}/${run}`;
