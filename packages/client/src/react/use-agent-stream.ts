import { useMemo } from 'react';
import { type AgentStream, agentStream } from '../agent-stream.ts';
import { useRun } from './use-run.ts';

/** What an agent of a run says, as it says it; without `agentId`, all of the run's agents. */
export function useAgentStream(runId: string, agentId?: string): AgentStream {
  const messages = useRun(runId).view?.content.messages;
  return useMemo(() => agentStream(messages, agentId), [messages, agentId]);
}
