import { computed, type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import { type EventsSnapshot, EventWindow } from '../event-window.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/**
 * The newest events of a run since the component was mounted, at most `limit`, oldest first, each once. `earlier()` reads
 * those before them, a stretch a call; it resolves to false where there are no more.
 */
export function useRunEvents(
  id: MaybeRefOrGetter<string>,
  { limit = 1_000 }: { limit?: number } = {},
): { window: Readonly<ShallowRef<EventsSnapshot>>; earlier(count?: number): Promise<boolean> } {
  const client = useClient();
  const store = computed(() => new EventWindow(client.run(toValue(id)), limit));
  return { window: useStore(() => store.value), earlier: (count) => store.value.earlier(count) };
}
