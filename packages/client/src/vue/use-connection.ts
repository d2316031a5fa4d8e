import type { ShallowRef } from 'vue';
import { type MeasuredConnection, measuredConnection } from '../connection-quality.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** The connection's state, for an honest light, and its quality. It opens nothing by itself. */
export function useConnection(): Readonly<ShallowRef<MeasuredConnection>> {
  const client = useClient();
  return useStore(() => measuredConnection(client));
}
