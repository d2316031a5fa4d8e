import { describe, expect, test } from 'vitest';
import { graph, Log } from '../log.suite.ts';
import { executions } from './executions.ts';
import { messagesOf } from './tale.suite.ts';

const blob = { $blob: 'a'.repeat(64), bytes: 70_000, type: 'application/json' };

describe('executions', () => {
  test('[DIA-18] says status, log, result and nodeStatus with the seed’s fields, and the true status beside', () => {
    const log = Log.of(graph('a'))
      .start('a')
      .write('log', { level: 'info', message: 'Hello', metadata: { x: 1 } }, { node: 'a' })
      .write('node.completed', { output: blob }, { node: 'a' })
      .write('run.completed', { output: { ok: true } });
    expect(messagesOf(executions, log.events)).toEqual([
      {
        event: 'nodeStatus',
        data: { executionId: 'r1', nodeId: 'a', status: 'pending', state: 'queued', timestamp: at(10) },
      },
      { event: 'status', data: { executionId: 'r1', status: 'pending', state: 'created', timestamp: at(10) } },
      {
        event: 'nodeStatus',
        data: { executionId: 'r1', nodeId: 'a', status: 'running', state: 'running', attempt: 1, timestamp: at(20) },
      },
      { event: 'status', data: { executionId: 'r1', status: 'running', state: 'running', timestamp: at(20) } },
      {
        event: 'log',
        data: {
          executionId: 'r1',
          log: { id: 'r1:3', nodeId: 'a', level: 'info', message: 'Hello', metadata: { x: 1 }, createdAt: at(30) },
        },
      },
      {
        event: 'nodeStatus',
        data: {
          executionId: 'r1',
          nodeId: 'a',
          status: 'completed',
          output: blob,
          state: 'completed',
          attempt: 1,
          timestamp: at(40),
        },
      },
      { event: 'status', data: { executionId: 'r1', status: 'completed', state: 'completed', timestamp: at(50) } },
      { event: 'result', data: { executionId: 'r1', id: 'r1:5', timestamp: at(50), result: { ok: true } } },
    ]);
  });

  test.each([
    [undefined, { level: 'debug' }],
    [{ x: 1 }, { x: 1, level: 'debug' }],
    [['x'], { value: ['x'], level: 'debug' }],
    ['x', { value: 'x', level: 'debug' }],
  ])('[DIA-18] a line of level debug is one of level info that says so: metadata %j', (metadata, shown) => {
    const log = Log.of(graph('a')).write('log', {
      level: 'debug',
      message: 'm',
      ...(metadata === undefined ? {} : { metadata }),
    });
    expect(messagesOf(executions, log.events).at(-1)?.data.log).toMatchObject({ level: 'info', metadata: shown });
  });

  test('[DIA-18] what goes wrong while the run goes on is a line of the log; an error is its end', () => {
    const log = Log.of(graph('a')).start('a').write('error', { code: 'tool_failed', message: 'Oh' }, { node: 'a' });
    expect(messagesOf(executions, log.events).at(-1)).toMatchObject({
      event: 'log',
      data: { log: { id: 'r1:3', level: 'error', message: 'Oh', metadata: { code: 'tool_failed' } } },
    });
    log.write('run.failed', { error: { code: 'task_failed', message: 'No', node: 'a' } });
    expect(messagesOf(executions, log.events).slice(-2)).toMatchObject([
      { event: 'status', data: { status: 'failed', state: 'failed' } },
      { event: 'error', data: { error: 'No', code: 'task_failed', nodeId: 'a', id: 'r1:4' } },
    ]);
  });

  test('[DIA-19] paused is running and cancelled is failed in the seed’s words', () => {
    const log = Log.of(graph('a')).start('a').write('run.paused', {});
    expect(messagesOf(executions, log.events).at(-1)?.data).toMatchObject({
      status: 'running',
      state: 'paused',
      detail: 'pausing',
    });
    log.write('run.cancelled', { reason: 'enough' });
    expect(messagesOf(executions, log.events).slice(-2)).toMatchObject([
      { event: 'status', data: { status: 'failed', state: 'cancelled' } },
      { event: 'error', data: { error: 'The execution was cancelled: enough', code: 'cancelled' } },
    ]);
  });

  test('[DIA-20] who comes late is told the state that the messages led to, with the ids that they had', () => {
    const log = Log.of(graph('a', 'b<a'))
      .start('a')
      .write('log', { level: 'info', message: 'lost' }, { node: 'a', attempt: 1 })
      .lose('a')
      .start('a', 2)
      .write('log', { level: 'info', message: 'kept' }, { node: 'a', attempt: 2 })
      .run('b')
      .write('run.completed', {});
    const state = executions.state?.(log.view) ?? [];
    const told = messagesOf(executions, log.events);
    const of = (event: string, from: typeof told) =>
      from.filter((message) => message.event === event).map(({ data }) => data);
    expect(of('status', [...state]).at(-1)).toEqual(of('status', told).at(-1));
    expect(of('result', [...state])).toEqual(of('result', told));
    // a newer attempt has retracted the first line: it is there, and says so
    const lines = of('log', told).map(({ log: line }) => line as Record<string, unknown>);
    expect(of('log', [...state]).map(({ log: line }) => line)).toEqual([{ ...lines[0], superseded: true }, lines[1]]);
    for (const { nodeId, status } of of('nodeStatus', [...state])) {
      expect(of('nodeStatus', told).findLast((data) => data.nodeId === nodeId)).toMatchObject({ status });
    }
  });
});

const at = (ms: number) => new Date(1_000 + ms).toISOString();
