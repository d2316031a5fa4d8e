import { afterEach, vi } from 'vitest';
import type { Store } from './store.ts';

/** Makes an empty store. Without a clock of its own: a store's time is what batches and questions bring. */
export type StoreFactory = () => Store | Promise<Store>;

/** One store per test, closed after it. */
export function fresh(factory: StoreFactory): () => Promise<Store> {
  const open: Store[] = [];
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close();
  });
  return async () => {
    const store = await factory();
    open.push(store);
    return store;
  };
}

/** Asks again until nothing is thrown: a database answers when it answers. */
export const until = <T>(ask: () => T | Promise<T>): Promise<T> => vi.waitFor(ask, { timeout: 10_000, interval: 5 });
