import { type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import { type ExecutionEvents, ExecutionEventsStore, type ExecutionHandlers } from '../compat/execution-events.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** What an execution's channel tells while the component is mounted, each event once. `handlers` hear them as well. */
export function useExecutionEvents(
  executionId: MaybeRefOrGetter<string>,
  handlers: ExecutionHandlers = {},
): Readonly<ShallowRef<ExecutionEvents>> {
  const client = useClient();
  return useStore(() => new ExecutionEventsStore(client.run(toValue(executionId)), () => handlers));
}
