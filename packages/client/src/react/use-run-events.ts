import { useMemo } from 'react';
import { EventWindow } from '../event-window.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/**
 * The newest events of a run since the component was mounted, at most `limit`, oldest first, each once.
 * What the run's first snapshot already holds is not among them: read it with `useClient().api.events`.
 */
export function useRunEvents(id: string, { limit = 1_000 }: { limit?: number } = {}) {
  const client = useClient();
  return useStore(useMemo(() => new EventWindow(client.run(id), limit), [client, id, limit]));
}
