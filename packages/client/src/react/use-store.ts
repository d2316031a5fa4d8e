import { useCallback, useSyncExternalStore } from 'react';
import type { Store } from '../store.ts';

/** Reads a store and renders again when it changes; React itself looks again after subscribing. */
export function useStore<T>(store: Store<T>): T {
  const subscribe = useCallback((listener: () => void) => store.subscribe(listener), [store]);
  const read = useCallback(() => store.getSnapshot(), [store]);
  return useSyncExternalStore(subscribe, read, read);
}
