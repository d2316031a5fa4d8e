import { useContext, useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import { type AgentStreaming, AgentStreamingStore } from '../compat/agent-streaming.ts';
import { type ChannelConnection, channelConnection } from '../compat/channel-connection.ts';
import { type ExecutionEvents, ExecutionEventsStore, type ExecutionHandlers } from '../compat/execution-events.ts';
import { type JobProgress, JobProgressStore } from '../compat/job-progress.ts';
import { ResilientSocket, type ResilientSocketOptions } from '../compat/resilient-socket.ts';
import { type SocketSource, socketWays } from '../compat/socket-ways.ts';
import { ClientContext, useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

export type { RunSocketMessage, RunSocketRequest } from '@millrace/protocol/dialects/run-socket';
export type { AgentStreaming } from '../compat/agent-streaming.ts';
export type { ChannelConnection } from '../compat/channel-connection.ts';
export type { ExecutionEvent, ExecutionEvents, ExecutionHandlers } from '../compat/execution-events.ts';
export type { JobProgress } from '../compat/job-progress.ts';
export { executionsReconnection, jobsReconnection, resilientReconnection } from '../compat/reconnection.ts';
export type { ResilientSocketOptions } from '../compat/resilient-socket.ts';
export type { SocketSource } from '../compat/socket-ways.ts';
export { useKnowledgeBase } from './use-knowledge-base.ts';

export interface ResilientWebSocket extends Pick<ResilientSocket, 'sendMessage' | 'disconnect' | 'reconnect'> {
  connected: boolean;
}

/**
 * The plain WebSocket of one run, in its own messages. It opens when the component is mounted, comes back by itself and
 * closes with the component. Address and token are the provider's client's, unless they are given.
 */
export function useResilientWebSocket(options: ResilientSocketOptions & SocketSource): ResilientWebSocket {
  const client = useContext(ClientContext);
  const newest = useNewest(options);
  const { runId, maxReconnectAttempts, initialReconnectDelay, maxReconnectDelay, heartbeatInterval } = options;
  const numbers = JSON.stringify({ maxReconnectAttempts, initialReconnectDelay, maxReconnectDelay, heartbeatInterval });
  const socket = useMemo(
    () =>
      new ResilientSocket(
        {
          ...(JSON.parse(numbers) as object),
          runId,
          // Functions are made anew by every rendering, which is no reason for a new socket.
          onMessage: (message) => newest.current.onMessage?.(message),
          onConnectionChange: (connected) => newest.current.onConnectionChange?.(connected),
        },
        socketWays(() => newest.current, client),
      ),
    [client, runId, numbers, newest],
  );
  useEffect(() => {
    socket.start();
    return () => socket.disconnect();
  }, [socket]);
  const { connected } = useStore(socket);
  return useMemo(
    () => ({
      connected,
      sendMessage: (message) => socket.sendMessage(message),
      disconnect: () => socket.disconnect(),
      reconnect: () => socket.reconnect(),
    }),
    [connected, socket],
  );
}

/** The client's connection. It opens when the component is mounted, and stays for whatever else follows runs. */
export function useWebSocket(): ChannelConnection {
  const client = useClient();
  useEffect(() => {
    if (client.connection.getSnapshot().state === 'idle') client.connect();
  }, [client]);
  const snapshot = useStore(client.connection);
  return useMemo(() => channelConnection(snapshot), [snapshot]);
}

/** What an execution's channel tells while the component is mounted, each event once. `handlers` hear them as well. */
export function useExecutionEvents(executionId: string, handlers: ExecutionHandlers = {}): ExecutionEvents {
  const client = useClient();
  const newest = useNewest(handlers);
  return useStore(
    useMemo(
      () => new ExecutionEventsStore(client.run(executionId), () => newest.current),
      [client, executionId, newest],
    ),
  );
}

/** What an agent says in an execution; without one, in the newest visible run in which it speaks. */
export function useAgentStreaming(agentId: string, executionId?: string): AgentStreaming {
  const client = useClient();
  return useStore(useMemo(() => new AgentStreamingStore(client, agentId, executionId), [client, agentId, executionId]));
}

/** A job, live. */
export function useJobProgress(jobId: string): JobProgress {
  return useJobProgressMultiple([jobId])[jobId] as JobProgress;
}

/** Jobs, live, by their ids. */
export function useJobProgressMultiple(jobIds: readonly string[]): Readonly<Record<string, JobProgress>> {
  const client = useClient();
  const text = JSON.stringify(jobIds);
  return useStore(useMemo(() => new JobProgressStore(client, JSON.parse(text) as string[]), [client, text]));
}

/** What the last rendering that was shown was given. */
function useNewest<T>(value: T): { readonly current: T } {
  const newest = useRef(value);
  useLayoutEffect(() => {
    newest.current = value;
  });
  return newest;
}
