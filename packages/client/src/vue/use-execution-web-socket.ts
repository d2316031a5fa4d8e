import type {
  ExecutionError,
  ExecutionLog,
  ExecutionNodeStatus,
  ExecutionResult,
  ExecutionStatus,
  SubscriptionAnswer,
} from '@millrace/protocol/dialects/executions';
import type { Json } from '@millrace/protocol/json';
import { onScopeDispose } from 'vue';
import type { SocketSource } from '../compat/socket-ways.ts';
import { useExecutionStore } from './execution-store.ts';
import { type NamespaceWebSocket, useWebSocket } from './use-web-socket.ts';

export interface ExecutionWebSocket extends Pick<NamespaceWebSocket, 'isConnected' | 'isReconnecting' | 'error'> {
  /** Connects, and writes what comes into the store; again is harmless. */
  initialize(): void;
  /** Follows an execution, now and after every reconnection; it becomes the store's current one. */
  subscribeToExecution(executionId: string): void;
  unsubscribeFromExecution(executionId: string): void;
  /** Leaves everything and disconnects; called by itself when the component is unmounted. */
  cleanup(): void;
}

/** Executions live in the store `execution`, over the namespace `/executions`. */
export function useExecutionWebSocket(source: SocketSource = {}): ExecutionWebSocket {
  const store = useExecutionStore();
  const socket = useWebSocket('/executions', source);
  const { isConnected, isReconnecting, error } = socket;
  const followed = new Set<string>();

  const isCurrent = (id: string) => id === store.currentExecution?.id;
  const subscribe = (id: string) => {
    socket.emit('subscribe', id, (answer: SubscriptionAnswer | undefined) => {
      if (!answer || !('error' in answer) || !followed.delete(id)) return;
      store.setExecutionError(id, answer.error);
    });
  };
  const listeners: [event: string, listener: (message: never) => void][] = [
    ['connect', () => followed.forEach(subscribe)],
    [
      'status',
      ({ executionId, status, timestamp }: ExecutionStatus) =>
        store.updateExecutionStatus(executionId, status, timestamp),
    ],
    ['log', ({ executionId, log }: ExecutionLog) => isCurrent(executionId) && store.addLog(log)],
    ['result', ({ executionId, result }: ExecutionResult) => store.setExecutionResult(executionId, result as Json)],
    ['error', ({ executionId, error: text }: ExecutionError) => store.setExecutionError(executionId, text)],
    [
      'nodeStatus',
      ({ executionId, nodeId, status }: ExecutionNodeStatus) =>
        isCurrent(executionId) && store.updateNodeStatus(nodeId, status),
    ],
  ];
  const leave = () => {
    followed.clear();
    for (const [event, listener] of listeners) socket.off(event, listener);
  };
  onScopeDispose(leave);

  return {
    initialize() {
      for (const [event, listener] of listeners) {
        socket.off(event, listener);
        socket.on(event, listener);
      }
      socket.connect();
    },
    subscribeToExecution(id) {
      if (!isCurrent(id)) {
        // What the store has let go of is told again to a new subscription only.
        if (followed.has(id) && isConnected.value) socket.emit('unsubscribe', id);
        const known = store.executionHistory.find((one) => one.id === id);
        store.setCurrentExecution(known ?? { id, status: 'pending' });
      }
      followed.add(id);
      if (isConnected.value) subscribe(id);
    },
    unsubscribeFromExecution(id) {
      if (followed.delete(id) && isConnected.value) socket.emit('unsubscribe', id);
    },
    cleanup() {
      leave();
      socket.disconnect();
    },
    isConnected,
    isReconnecting,
    error,
  };
}
