import { useMemo } from 'react';
import type { ListQuery, ListSnapshot } from '../list-store.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/** The runs that match, live while the component is mounted. */
export function useRuns(query: ListQuery = {}): ListSnapshot {
  const client = useClient();
  const text = JSON.stringify(query);
  return useStore(useMemo(() => client.list(JSON.parse(text) as ListQuery), [client, text]));
}
