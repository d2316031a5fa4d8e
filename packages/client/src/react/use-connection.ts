import type { ConnectionSnapshot } from '../connection.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/** The connection's state, for an honest light. It opens nothing by itself. */
export function useConnection(): ConnectionSnapshot {
  return useStore(useClient().connection);
}
