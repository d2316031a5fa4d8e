import type { ExecutionLog, ExecutionWord } from '@millrace/protocol/dialects/executions';
import type { Json } from '@millrace/protocol/json';
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';

/** An execution as its page shows it. */
export interface Execution {
  id: string;
  workflowId?: string;
  status: ExecutionWord;
  result?: Json;
  error?: string;
  /** ISO 8601 */
  startedAt?: string;
  completedAt?: string;
}

export type LogEntry = ExecutionLog['log'];

/** log entries that are kept: the newest */
const LOG_LIMIT = 10_000;

/** What a page of executions shows. `useExecutionWebSocket` writes it; one of Pinia's stores, named `execution`. */
export const useExecutionStore = defineStore('execution', () => {
  const currentExecution = shallowRef<Execution | null>(null);
  /** newest first, the current one included */
  const executionHistory = shallowRef<readonly Execution[]>([]);
  /** of the current execution, oldest first, each once */
  const logs = shallowRef<readonly LogEntry[]>([]);
  /** of the current execution: status by node id */
  const realTimeStatus = ref(new Map<string, ExecutionWord>());
  /** entries that were cleared are not shown again when a subscription repeats them */
  const known = new Set<string>();

  /** The current execution from now on; logs and node statuses of another one go. */
  function setCurrentExecution(execution: Execution | null): void {
    if (execution?.id !== currentExecution.value?.id) {
      logs.value = [];
      known.clear();
      realTimeStatus.value.clear();
    }
    currentExecution.value = execution;
    if (!execution) return;
    const isKnown = executionHistory.value.some(({ id }) => id === execution.id);
    executionHistory.value = isKnown
      ? executionHistory.value.map((one) => (one.id === execution.id ? execution : one))
      : [execution, ...executionHistory.value];
  }

  /** It started when it first said so: it may run again after a pause. */
  function change(executionId: string, news: Partial<Execution>): void {
    const changed = (one: Execution): Execution => {
      if (one.id !== executionId) return one;
      return { ...one, ...news, ...(one.startedAt !== undefined && { startedAt: one.startedAt }) };
    };
    if (currentExecution.value) currentExecution.value = changed(currentExecution.value);
    executionHistory.value = executionHistory.value.map(changed);
  }

  /** Adds an entry; one whose id is known is dropped. */
  function addLog(log: LogEntry): void {
    if (known.has(log.id)) return;
    known.add(log.id);
    logs.value = [...logs.value, log].slice(-LOG_LIMIT);
  }

  /** Clears the view; the log itself stays where it is. */
  function clearLogs(): void {
    logs.value = [];
  }

  function updateNodeStatus(nodeId: string, status: ExecutionWord): void {
    realTimeStatus.value.set(nodeId, status);
  }

  /** `timestamp`: ISO 8601, of the change; the execution's times are made of it. */
  function updateExecutionStatus(executionId: string, status: ExecutionWord, timestamp?: string): void {
    const ended = status === 'completed' || status === 'failed';
    change(executionId, {
      status,
      ...(timestamp !== undefined && status === 'running' && { startedAt: timestamp }),
      ...(timestamp !== undefined && ended && { completedAt: timestamp }),
    });
  }

  function setExecutionResult(executionId: string, result: Json): void {
    change(executionId, { status: 'completed', result });
  }

  function setExecutionError(executionId: string, error: string): void {
    change(executionId, { status: 'failed', error });
  }

  return {
    ...{ currentExecution, executionHistory, logs, realTimeStatus },
    ...{ setCurrentExecution, addLog, clearLogs, updateNodeStatus, updateExecutionStatus },
    ...{ setExecutionResult, setExecutionError },
  };
});
