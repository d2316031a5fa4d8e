import { type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import type { ListQuery, ListSnapshot } from '../list-store.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** The runs that match, live while the component is mounted. */
export function useRuns(query: MaybeRefOrGetter<ListQuery> = {}): Readonly<ShallowRef<ListSnapshot>> {
  const client = useClient();
  return useStore(() => client.list({ ...toValue(query) }));
}
