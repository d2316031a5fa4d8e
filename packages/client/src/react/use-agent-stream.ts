import { useMemo } from 'react';
import { type AgentStream, AgentStreamStore } from '../agent-stream.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/**
 * What an agent of a run says, as it says it; without `agentId`, all of the run's agents. It renders again only when
 * something of them changes.
 */
export function useAgentStream(runId: string, agentId?: string): AgentStream {
  const client = useClient();
  return useStore(useMemo(() => new AgentStreamStore(client.run(runId), agentId), [client, runId, agentId]));
}
