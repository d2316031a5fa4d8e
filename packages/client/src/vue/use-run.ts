import { computed, type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import type { RunFilter, RunSnapshot } from '../run-store.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** One run, live while the component is mounted. Commands are at `useClient().run(id)`. */
export function useRun(
  id: MaybeRefOrGetter<string>,
  options?: MaybeRefOrGetter<{ filter?: RunFilter }>,
): Readonly<ShallowRef<RunSnapshot>> {
  const client = useClient();
  const filter = computed(() => toValue(options)?.filter);
  return useStore(() => client.run(toValue(id), filter.value ? { filter: filter.value } : {}));
}
