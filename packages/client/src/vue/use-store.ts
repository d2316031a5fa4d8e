import { computed, type ShallowRef, shallowRef, watch } from 'vue';
import type { Store } from '../store.ts';

/** What a store shows, for as long as the scope lives; another store where what `source` reads has changed. */
export function useStore<T>(source: () => Store<T>): Readonly<ShallowRef<T>> {
  const store = computed(source);
  const shown = shallowRef(store.value.getSnapshot());
  watch(
    store,
    (next, _, onCleanup) => {
      const look = () => {
        shown.value = next.getSnapshot();
      };
      onCleanup(next.subscribe(look));
      look();
    },
    { immediate: true, flush: 'sync' },
  );
  return shown;
}
