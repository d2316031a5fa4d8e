import { useMemo } from 'react';
import type { RunFilter, RunSnapshot } from '../run-store.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/** One run, live while the component is mounted. Commands are at `useClient().run(id)`. */
export function useRun(id: string, options?: { filter?: RunFilter }): RunSnapshot {
  const client = useClient();
  const filter = JSON.stringify(options?.filter);
  const store = useMemo(
    () => client.run(id, filter === undefined ? {} : { filter: JSON.parse(filter) as RunFilter }),
    [client, id, filter],
  );
  return useStore(store);
}
