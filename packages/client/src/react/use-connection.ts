import { type MeasuredConnection, measuredConnection } from '../connection-quality.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/** The connection's state, for an honest light, and its quality. It opens nothing by itself. */
export function useConnection(): MeasuredConnection {
  return useStore(measuredConnection(useClient()));
}
