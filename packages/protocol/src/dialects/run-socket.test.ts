import { describe, expect, test } from 'vitest';
import { graph, Log } from '../log.suite.ts';
import type { Message } from './dialect.ts';
import { parseTimePosition } from './position-time.ts';
import { connectionMessage, currentState, runSocket } from './run-socket.ts';
import { messagesOf, tale } from './tale.suite.ts';

const last = (log: Log): Message[] => tale(runSocket, log.events).at(-1)?.messages ?? [];
const brief = (messages: readonly Message[]) =>
  messages.map(({ event, data }) => {
    const { node_id, old_status, new_status } = data.data as Record<string, string>;
    return event === 'dag_node_status_changed' ? `${node_id}: ${old_status} → ${new_status}` : event;
  });

describe('run-socket', () => {
  test('[DIA-14] says each message as event_type, timestamp, run_id, seq and data', () => {
    const log = Log.of(graph('a')).start('a').fail('a');
    expect(last(log)).toEqual([
      {
        event: 'dag_node_status_changed',
        data: {
          event_type: 'dag_node_status_changed',
          timestamp: '1970-01-01T00:00:01.03000003Z',
          run_id: 'r1',
          seq: 3,
          data: { node_id: 'a', old_status: 'running', new_status: 'failed', error: 'no', attempt: 1 },
        },
      },
    ]);
  });

  test('[DIA-14] tells what an event implies: the start, nodes that are queued, nodes that the end cancels', () => {
    const log = Log.of(graph('a', 'b<a', 'c<b'));
    expect(brief(last(log))).toEqual(['dag_created', 'a: pending → queued']);
    expect(brief(last(log.start('a')))).toEqual(['workflow_started', 'a: queued → running']);
    expect(brief(last(log.complete('a')))).toEqual(['a: running → completed', 'b: pending → queued']);
    expect(brief(last(log.write('run.cancelled', { reason: 'enough' })))).toEqual([
      'b: queued → cancelled',
      'c: pending → cancelled',
      'workflow_failed',
    ]);
    expect(last(log).at(-1)?.data.data).toMatchObject({ reason: 'cancelled', message: 'enough', status: 'cancelled' });
  });

  test('[DIA-15] whoever was cut off between two messages of an event is given the event again, nobody misses one', () => {
    const log = Log.of(graph('a', 'b<a')).run('a', 'b').write('run.completed', { output: 1 });
    const all = messagesOf(runSocket, log.events);
    for (let received = 0; received <= all.length; received++) {
      const timestamp = all[received - 1]?.data.timestamp as string | undefined;
      const after = timestamp === undefined ? 0 : (parseTimePosition(timestamp)?.seq as number);
      const again = all.filter(({ data }) => (data.seq as number) > after);
      const missed = all.slice(received).filter((message) => !again.includes(message));
      expect(missed).toEqual([]);
      // what comes twice is of the one event that was cut
      const twice = all.slice(0, received).filter((message) => again.includes(message));
      expect(new Set(twice.map(({ data }) => data.seq)).size).toBeLessThanOrEqual(1);
    }
  });

  test('[DIA-16] the present state is the graph, the run’s word, open approvals and the cost, where the reader stands', () => {
    const log = Log.of(graph('a', 'b<a'))
      .start('a')
      .write('usage', { model: 'm', inputTokens: 3, cost: { amount: 0.5, currency: 'USD' } }, { node: 'a' })
      .write('approval.requested', { approvalId: 'w', title: 'Go on?', options: ['later'] }, { node: 'a', attempt: 1 });
    const state = currentState(log.view, 2);
    expect(state.map(({ event }) => event)).toEqual([
      'dag_created',
      'workflow_started',
      'approval_requested',
      'cost_update',
    ]);
    for (const { data } of state) expect(parseTimePosition(data.timestamp as string)).toEqual({ at: 1_040, seq: 2 });
    expect(state[0]?.data.data).toMatchObject({
      nodes: [
        { id: 'a', type: 't', status: 'running' },
        { id: 'b', type: 't', status: 'pending' },
      ],
      edges: [{ source: 'a', target: 'b' }],
    });
    expect(state[2]?.data.data).toMatchObject({ approval_id: 'w', options: ['approved', 'rejected', 'later'] });
    expect(state[3]?.data.data).toMatchObject({ total_input_tokens: 3, total_cost: { USD: 0.5 } });
  });

  test('[DIA-16] a message about the connection can be come back with as any other', () => {
    const { event, data } = connectionMessage('heartbeat', 'r1', 1_500, 7);
    expect(event).toBe('heartbeat');
    expect(data).toMatchObject({ event_type: 'heartbeat', run_id: 'r1', seq: 7, data: {} });
    expect(parseTimePosition(data.timestamp as string)).toEqual({ at: 1_500, seq: 7 });
  });

  test('[DIA-17] an agent’s whole message, thoughts and calls are told, with the arguments of a call beside its result', () => {
    const of = { agentId: 'a', messageId: 'm' };
    const log = Log.of(graph('n'))
      .start('n')
      .write('agent.started', of)
      .write('agent.token', { ...of, text: 'Yes' })
      .write('agent.tool_call', { ...of, callId: 'c', name: 'search', arguments: { q: 1 }, status: 'running' })
      .write('agent.tool_result', { ...of, callId: 'c', name: 'search', status: 'completed', result: [2] })
      .write('agent.completed', of);
    const said = messagesOf(runSocket, log.events).filter(({ event }) => event.startsWith('agent_'));
    expect(said.map(({ event }) => event)).toEqual(['agent_tool_call', 'agent_tool_call', 'agent_message']);
    expect(said[1]?.data.data).toMatchObject({
      tool_name: 'search',
      arguments: { q: 1 },
      status: 'completed',
      result: [2],
    });
    expect(said[2]?.data.data).toMatchObject({ agent: 'a', role: 'assistant', message: 'Yes' });
  });
});
