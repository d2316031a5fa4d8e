import type { Batch, CommitResult, RunKey, Store } from '../../packages/server/src/store/store.ts';
import { MemoryStore } from '../../packages/server/src/store/store-memory.ts';
import { Ledger } from './ledger.ts';

/** What changes a store, and so what a copy of it repeats. */
const changes = new Set([
  ...['commit', 'writeSnapshot', 'renewLeases', 'dropDue', 'putDue', 'deleteRun', 'hold', 'putSchedule'],
  ...['deleteSchedule', 'putGrant', 'revokeGrant', 'putDefinition', 'putBlob'],
]);

/** A store that writes down what is committed, and what would have to be done again to get to where it stands. */
export class History {
  readonly ledger: Ledger;
  readonly store: Store;
  readonly #calls: { name: string; args: unknown[] }[] = [];

  constructor(store: Store, ledger = new Ledger(store.epoch)) {
    this.ledger = ledger;
    this.store = new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (changes.has(String(name))) this.#calls.push(structuredClone({ name: String(name), args }));
          const answer: unknown = await Reflect.apply(value, target, args);
          if (name === 'commit') ledger.committed(args[0] as Batch, answer as CommitResult);
          if (name === 'deleteRun' && answer === true) ledger.deleted((args[0] as RunKey).run);
          return answer;
        };
      },
    });
  }

  /** What a backup brings back that misses the newest `lost` changes: a store of another epoch, and its history. */
  async restored(epoch: string, lost: number): Promise<History> {
    const copy = new History(new MemoryStore(epoch), this.ledger.successor(epoch));
    const kept = this.#calls.slice(0, Math.max(0, this.#calls.length - lost));
    for (const { name, args } of kept) {
      await Reflect.apply(Reflect.get(copy.store, name) as () => Promise<unknown>, copy.store, args);
    }
    return copy;
  }
}
