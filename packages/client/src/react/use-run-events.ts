import { useMemo } from 'react';
import { type EventsSnapshot, EventWindow } from '../event-window.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/**
 * The newest events of a run since the component was mounted, at most `limit`, oldest first, each once. `earlier()` reads
 * those before them, a stretch a call; it resolves to false where there are no more.
 */
export function useRunEvents(
  id: string,
  { limit = 1_000 }: { limit?: number } = {},
): EventsSnapshot & { earlier(count?: number): Promise<boolean> } {
  const client = useClient();
  const store = useMemo(() => new EventWindow(client.run(id), limit), [client, id, limit]);
  const snapshot = useStore(store);
  return useMemo(() => ({ ...snapshot, earlier: (count) => store.earlier(count) }), [snapshot, store]);
}
