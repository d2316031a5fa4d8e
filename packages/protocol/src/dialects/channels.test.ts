import { describe, expect, test } from 'vitest';
import { passes } from '../frame.ts';
import { graph, Log } from '../log.suite.ts';
import { emptyView } from '../view.ts';
import { agentChannel, agentFilter, channels, executionChannel, kbChannel, kbFilter, kindOf } from './channels.ts';
import { tell } from './dialect.ts';
import { messagesOf, tale } from './tale.suite.ts';

const last = (log: Log) => tale(channels, log.events).at(-1)?.messages ?? [];
const say = { agentId: 'writer', messageId: 'm1' };

describe('channels', () => {
  test('[DIA-21] every event has an id, the execution’s id and a timestamp; a second message of one event its own id', () => {
    const log = Log.of(graph('a', 'b<a'), { workflow: 'flow' }).start('a');
    expect(last(log)).toEqual([
      {
        event: 'execution:started',
        data: {
          id: 'r1:2',
          executionId: 'r1',
          timestamp: '1970-01-01T00:00:01.020Z',
          workflowId: 'flow',
          status: 'running',
          startTime: '1970-01-01T00:00:01.020Z',
        },
      },
      {
        event: 'node:started',
        data: {
          id: 'r1:2.1',
          executionId: 'r1',
          timestamp: '1970-01-01T00:00:01.020Z',
          nodeId: 'a',
          nodeType: 't',
          status: 'running',
          context: { executionId: 'r1', workflowId: 'flow', attempt: 1 },
        },
      },
    ]);
  });

  test('[DIA-21] the fields that the text names are there', () => {
    const log = Log.of(graph('a'), { workflow: 'flow' }).start('a');
    log.write('node.progress', { progress: 40, message: 'reading' }, { node: 'a' });
    expect(last(log)).toMatchObject([
      { event: 'node:progress', data: { nodeId: 'a', progress: 40, currentStep: 'reading' } },
    ]);
    log.write('run.progress', { progress: 50, message: 'half' });
    expect(last(log)).toMatchObject([
      { event: 'execution:updated', data: { status: 'running', currentNode: 'a', progress: 50, currentStep: 'half' } },
    ]);
    log.write('node.retrying', { error: { code: 'task_failed', message: 'Oh' }, nextAt: 5_000 }, { node: 'a' });
    expect(last(log)).toMatchObject([
      {
        event: 'node:failed',
        data: {
          error: 'Oh',
          retry: { attempt: 1, willRetry: true, nextAt: '1970-01-01T00:00:05.000Z' },
          status: 'retrying',
        },
      },
    ]);
    log.write('node.queued', {}, { node: 'a' }).start('a', 2).fail('a');
    expect(last(log)).toMatchObject([
      { event: 'node:failed', data: { error: 'no', retry: { attempt: 2, willRetry: false } } },
    ]);
    log.write('run.failed', { error: { code: 'task_failed', message: 'no', node: 'a' } });
    expect(last(log)).toMatchObject([
      { event: 'execution:failed', data: { error: 'no', failedNode: 'a', duration: 80, status: 'failed' } },
    ]);
  });

  test('[DIA-22] an input says what it asks for and by which rules; its end in time says how long was waited', () => {
    const schema = { type: 'string', minLength: 3 };
    const log = Log.of(graph('a')).start('a');
    log.write(
      'input.requested',
      { inputId: 'i', prompt: 'Name?', schema, timeoutAt: 9_000 },
      { node: 'a', attempt: 1 },
    );
    expect(last(log)).toMatchObject([
      {
        event: 'user_input:required',
        data: {
          inputId: 'i',
          prompt: 'Name?',
          expectedType: 'string',
          validationRules: schema,
          timeoutAt: '1970-01-01T00:00:09.000Z',
        },
      },
    ]);
    log
      .write('node.waiting', { waits: ['i'] }, { node: 'a' })
      .write('input.timed_out', { inputId: 'i' }, { node: 'a' });
    expect(last(log)).toMatchObject([
      { event: 'execution:updated', data: { currentNode: 'a', nodeStatus: 'queued' } },
      { event: 'user_input:timeout', data: { inputId: 'i', timeout: 20, state: 'running' } },
    ]);
  });

  test('[DIA-23] a turn’s tokens of one message are one, with the joined text and one cumulative response', () => {
    const other = { agentId: 'critic', messageId: 'm2' };
    const log = Log.of(graph('a')).start('a').write('agent.started', say);
    const before = structuredClone(log.view);
    log
      .write('agent.token', { ...say, text: 'Once ' })
      .write('agent.token', { ...other, text: 'No' })
      .write('agent.token', { ...say, text: 'upon ' })
      .write('agent.token', { ...say, text: 'a time' })
      .write('agent.tool_call', { ...say, callId: 'c', name: 'search', arguments: {}, status: 'running' })
      .write('agent.token', { ...say, text: '.' })
      .write('agent.completed', { ...say, tokens: { output: 4 }, finish: 'stop' });
    const { messages } = tell(channels, before, log.events.slice(3));
    expect(messages).toMatchObject([
      { event: 'agent:token', data: { id: 'r1:5', agentId: 'critic', token: 'No', cumulativeResponse: 'No' } },
      {
        event: 'agent:token',
        data: { id: 'r1:7', agentId: 'writer', token: 'Once upon a time', cumulativeResponse: 'Once upon a time' },
      },
      { event: 'agent:tool_call', data: { toolName: 'search', status: 'running' } },
      { event: 'agent:token', data: { token: '.', cumulativeResponse: 'Once upon a time.' } },
      { event: 'agent:streaming_end', data: { fullResponse: 'Once upon a time.', tokenCount: 4, finish: 'stop' } },
    ]);
  });

  test('[DIA-24] a document’s way is told by the seed’s steps, indexing as embedding, the true one beside', () => {
    const document = { kbId: 'kb1', documentId: 'd1', fileName: 'a.pdf' };
    const log = Log.of(graph('a'))
      .write('kb.started', { ...document, bytes: 7 })
      .write('kb.processing', { ...document, phase: 'indexing', progress: 80, chunks: 3 })
      .write('kb.completed', { ...document, chunks: 3, embeddings: 3 })
      .write('kb.failed', { ...document, error: 'no', failedPhase: 'chunking' });
    const of = { knowledgeBaseId: 'kb1', documentId: 'd1', fileName: 'a.pdf' };
    expect(messagesOf(channels, log.events.slice(0)).filter(({ event }) => event.startsWith('kb:'))).toMatchObject([
      { event: 'kb:upload_started', data: { ...of, fileSize: 7 } },
      {
        event: 'kb:processing',
        data: { ...of, progress: 80, currentStep: 'embedding', phase: 'indexing', chunkCount: 3 },
      },
      { event: 'kb:upload_completed', data: { ...of, chunkCount: 3, embeddingCount: 3 } },
      { event: 'kb:upload_failed', data: { ...of, error: 'no', failedStep: 'chunking' } },
    ]);
  });

  test('[DIA-25] each message is of one kind of channel, and each channel tells its own alone', () => {
    const document = { kbId: 'kb1', documentId: 'd1', fileName: 'a.pdf' };
    const log = Log.of(graph('a'))
      .start('a')
      .write('agent.started', say)
      .write('agent.token', { ...say, text: 'x' })
      .write('kb.started', document)
      .write('kb.started', { ...document, kbId: 'kb2' })
      .complete('a');
    const all = messagesOf(channels, log.events);
    const names = (dialect: typeof channels) => messagesOf(dialect, log.events).map(({ data }) => data.id);
    const ofKind = (kind: string) => all.filter((message) => kindOf(message) === kind).map(({ data }) => data.id);
    expect(names(executionChannel)).toEqual(ofKind('execution'));
    expect(names(agentChannel)).toEqual(ofKind('agent'));
    expect([...names(kbChannel('kb1')), ...names(kbChannel('kb2'))]).toEqual(ofKind('kb'));
    expect(ofKind('kb')).toHaveLength(2);
    // what an agent's or a knowledge base's channel is made of passes its filter
    for (const { event, messages } of tale(channels, log.events)) {
      for (const message of messages) {
        if (kindOf(message) === 'agent') expect(passes(event, agentFilter('writer'))).toBe(true);
        if (kindOf(message) === 'kb') expect(passes(event, kbFilter)).toBe(true);
      }
    }
    const filtered = log.events.filter((event) => passes(event, agentFilter('writer')));
    expect(tell(agentChannel, emptyView('r1'), filtered).messages.map(({ data }) => data.id)).toEqual(ofKind('agent'));
  });

  test('[DIA-25] an item of a forEach is a node of its own, of its parent’s type', () => {
    const log = Log.of([{ id: 'each', task: 'index', forEach: '{% $.list %}' }]);
    log.write('graph.updated', { expand: { node: 'each', items: [1, 2], count: 2 } }).start('each[1]');
    expect(last(log)).toMatchObject([{ event: 'node:started', data: { nodeId: 'each[1]', nodeType: 'index' } }]);
  });
});
