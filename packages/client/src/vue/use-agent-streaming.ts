import { type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import { type AgentStreaming, AgentStreamingStore } from '../compat/agent-streaming.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** What an agent says in an execution; without one, in the newest visible run in which it speaks. */
export function useAgentStreaming(
  agentId: MaybeRefOrGetter<string>,
  executionId?: MaybeRefOrGetter<string | undefined>,
): Readonly<ShallowRef<AgentStreaming>> {
  const client = useClient();
  return useStore(() => new AgentStreamingStore(client, toValue(agentId), toValue(executionId)));
}
