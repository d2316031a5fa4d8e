import { type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import { type AgentStream, AgentStreamStore } from '../agent-stream.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/**
 * What an agent of a run says, as it says it; without `agentId`, all of the run's agents. It changes only when something
 * of them does.
 */
export function useAgentStream(
  runId: MaybeRefOrGetter<string>,
  agentId?: MaybeRefOrGetter<string | undefined>,
): Readonly<ShallowRef<AgentStream>> {
  const client = useClient();
  return useStore(() => new AgentStreamStore(client.run(toValue(runId)), toValue(agentId)));
}
