import type { Store } from '../store/store.ts';
import type { Sweep, SweepParts } from './periodic.ts';

/** Compresses the cold parts of long logs. A store that has nothing of the kind is left alone. */
export class Compaction implements Sweep {
  readonly name = 'compaction';
  readonly interval = 5_000;
  readonly #store: Store;

  constructor({ store }: Pick<SweepParts, 'store'>) {
    this.#store = store;
  }

  async run(): Promise<boolean> {
    return (await this.#store.compact?.()) ?? false;
  }
}
