import { type RunKey, RunMap } from './store.ts';

/** How many runs one generation holds. */
const GENERATION = 20_000;

/**
 * The numbers of the runs that were asked for or written to of late. In one history of the database they never change,
 * and with the number in its text a question is planned for the one partition that holds the run.
 */
export class RunNumbers {
  #young = new RunMap<bigint>();
  #old = new RunMap<bigint>();

  get(key: RunKey): bigint | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: RunKey, number: bigint): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new RunMap();
    }
    this.#young.set(key, number);
  }

  /** The database has another history than it had. */
  clear(): void {
    this.#young = new RunMap();
    this.#old = new RunMap();
  }

  drop(key: RunKey): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
