import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, expect, test } from 'vitest';
import { type LogEntry, useExecutionStore } from './execution-store.ts';

beforeEach(() => setActivePinia(createPinia()));

const line = (id: string): LogEntry => ({ id, level: 'info', message: id, createdAt: '2026-01-01T00:00:00.000Z' });

test('[CLT-115] status, result and error belong to the execution that they name, current or not', () => {
  const store = useExecutionStore();
  store.setCurrentExecution({ id: 'a', status: 'pending' });
  store.setCurrentExecution({ id: 'b', status: 'pending' });
  expect(store.executionHistory.map(({ id }) => id)).toEqual(['b', 'a']);
  store.updateExecutionStatus('b', 'running');
  store.setExecutionResult('a', { total: 3 });
  expect(store.currentExecution).toEqual({ id: 'b', status: 'running' });
  expect(store.executionHistory).toEqual([
    { id: 'b', status: 'running' },
    { id: 'a', status: 'completed', result: { total: 3 } },
  ]);
  store.setExecutionError('b', 'no such tool');
  expect(store.currentExecution).toEqual({ id: 'b', status: 'failed', error: 'no such tool' });
  store.setCurrentExecution({ id: 'a', status: 'completed' });
  expect(store.executionHistory.map(({ id }) => id)).toEqual(['b', 'a']);
  store.setCurrentExecution(null);
  expect(store.currentExecution).toBeNull();
});

test('[CLT-115] an execution started when it first ran and ended when it last changed', () => {
  const store = useExecutionStore();
  store.setCurrentExecution({ id: 'a', status: 'pending' });
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
  store.updateExecutionStatus('a', 'pending', at(1));
  store.updateExecutionStatus('a', 'running', at(2));
  store.updateExecutionStatus('a', 'running', at(3));
  store.updateExecutionStatus('a', 'completed', at(4));
  expect(store.currentExecution).toEqual({ id: 'a', status: 'completed', startedAt: at(2), completedAt: at(4) });
});

test('[CLT-115] log entries are kept once by their id, also after they were cleared', () => {
  const store = useExecutionStore();
  store.setCurrentExecution({ id: 'a', status: 'running' });
  for (const id of ['1', '2', '1']) store.addLog(line(id));
  expect(store.logs.map(({ id }) => id)).toEqual(['1', '2']);
  store.clearLogs();
  for (const id of ['1', '2', '3']) store.addLog(line(id));
  expect(store.logs.map(({ id }) => id)).toEqual(['3']);
});

test('[CLT-115] another current execution begins without the logs and node statuses of the last one', () => {
  const store = useExecutionStore();
  store.setCurrentExecution({ id: 'a', status: 'running' });
  store.addLog(line('1'));
  store.updateNodeStatus('fetch', 'running');
  store.updateNodeStatus('fetch', 'completed');
  expect([...store.realTimeStatus]).toEqual([['fetch', 'completed']]);
  store.setCurrentExecution({ id: 'a', status: 'completed' });
  expect(store.logs).toHaveLength(1);
  store.setCurrentExecution({ id: 'b', status: 'pending' });
  expect([store.logs, [...store.realTimeStatus]]).toEqual([[], []]);
  store.addLog(line('1'));
  expect(store.logs).toHaveLength(1);
});
