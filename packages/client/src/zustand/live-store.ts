import { createStore, type StoreApi } from 'zustand/vanilla';
import type { Store } from '../store.ts';

/**
 * A Zustand store that shows what others hold: it follows them while somebody listens to it, as `useStore` of Zustand does.
 * `shape` makes its state of theirs; what the application sets beside that stays.
 */
export function liveStore<S extends object>(
  sources: readonly Pick<Store<unknown>, 'subscribe'>[],
  shape: () => S,
): StoreApi<S> {
  const store = createStore<S>(shape);
  const { subscribe } = store;
  const look = () => store.setState(shape());
  let listeners = 0;
  let off: (() => void)[] = [];
  return Object.assign(store, {
    subscribe(listener: Parameters<typeof subscribe>[0]) {
      const remove = subscribe(listener);
      listeners += 1;
      if (listeners === 1) {
        off = sources.map((source) => source.subscribe(look));
        look();
      }
      let isListening = true;
      return () => {
        if (!isListening) return;
        isListening = false;
        remove();
        listeners -= 1;
        if (listeners === 0) for (const leave of off.splice(0)) leave();
      };
    },
  });
}
