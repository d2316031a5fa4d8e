import { describe, expect, test } from 'vitest';
import { checkEvent } from '../catalogue.ts';
import type { MillraceError } from '../error-code.ts';
import type { NewEvent } from '../event.ts';
import { graph, Log } from '../log.suite.ts';
import { nodeTable } from '../node.ts';
import { runTable } from '../run.ts';
import { channels } from './channels.ts';
import { channelEvents, sourceNames } from './channels-source.ts';
import { jobEvents, readJobMessage } from './jobs-source.ts';
import { messagesOf } from './tale.suite.ts';

/** Appends what a source makes, as the engine would: each valid, each allowed by the tables. */
function append(log: Log, events: readonly NewEvent[]): void {
  for (const event of events) {
    checkEvent(event);
    const { status, nodes } = log.view.control;
    if (event.type in runTable.created)
      expect(runTable[status][event.type as never], `${status}: ${event.type}`).not.toBeNull();
    if (event.type in nodeTable.pending) {
      const from = nodes[event.node ?? '']?.status ?? 'pending';
      expect(nodeTable[from][event.type as never], `${event.node} ${from}: ${event.type}`).not.toBeNull();
    }
    const { type, data, ...place } = event;
    log.write(type, data as never, place);
  }
}

const external = (nodes = graph()) => Log.of(nodes, { external: true });
const refusalOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    const { code, facts } = error as MillraceError;
    return { code, ...facts };
  }
  throw new Error('was not refused');
};

const job = { jobId: 'j1', userId: 'ada' };
const progress = (state: string, step = '', percent = 0) =>
  readJobMessage({ type: 'job:progress', ...job, state, step, progress: percent });
const publish = (log: Log, message: unknown) => {
  const change = jobEvents(log.view.control, readJobMessage(message));
  append(log, change.events);
  return change;
};

describe('what a publisher of seed 004 tells of a job', () => {
  test('[DIA-28] becomes events of an external run: progress with its label, steps, text, the result', () => {
    const log = external(graph('search'));
    publish(log, { type: 'job:progress', ...job, state: 'running', step: 'Searching', progress: 45 });
    expect(log.view.control.status).toBe('running');
    expect(log.view.content).toMatchObject({ progress: 45, message: 'Searching' });
    publish(log, { type: 'job:step', ...job, step: 'fetch', status: 'started' });
    publish(log, { type: 'job:step', ...job, step: 'fetch', status: 'completed', output: 3 });
    publish(log, { type: 'job:chunk', ...job, text: 'Hello' });
    publish(log, { type: 'job:completed', ...job, result: { ok: true }, durationMs: 12 });
    expect(log.view.control).toMatchObject({ status: 'completed', output: { ok: true } });
    expect(log.states).toEqual({ search: 'completed' });
    expect(log.view.control.nodes.search?.steps.fetch).toMatchObject({ status: 'completed', output: 3 });
    expect(Object.values(log.view.content.messages).map(({ text }) => text)).toEqual(['Hello']);
  });

  test('[DIA-28] repeats nothing: the state that is makes no event, and a result may come first of all', () => {
    const log = external();
    publish(log, { type: 'job:progress', ...job, state: 'running', step: '', progress: 1 });
    expect(publish(log, { type: 'job:progress', ...job, state: 'running', step: '', progress: 2 }).events).toHaveLength(
      1,
    );
    const quick = external();
    publish(quick, { type: 'job:completed', ...job, result: 1 });
    expect(quick.view.control.status).toBe('completed');
    const bad = external().start('a');
    publish(bad, { type: 'job:failed', ...job, error: 'no', durationMs: 5 });
    expect(bad.view.control).toMatchObject({ status: 'failed', error: { code: 'task_failed', message: 'no' } });
  });

  test('[DIA-28] pauses by a command; a worker that has not heard of a pause does not end it', () => {
    const log = external().write('run.started', {});
    expect(jobEvents(log.view.control, progress('paused')).command).toEqual({ type: 'pause' });
    log.write('run.paused', {});
    expect(jobEvents(log.view.control, progress('paused')).command).toBeUndefined();
    append(log, jobEvents(log.view.control, progress('running', 'on', 50)).events);
    expect(log.view.control.status).toBe('paused');
    expect(log.view.content.progress).toBe(50);
  });

  test('[DIA-28] is refused where the tables refuse its state, with what is allowed', () => {
    const created = external();
    expect(refusalOf(() => jobEvents(created.view.control, progress('paused')))).toEqual({
      code: 'invalid_transition',
      from: 'created',
      to: 'paused',
      allowed: ['running', 'failed', 'cancelled'],
    });
    expect(refusalOf(() => jobEvents(created.view.control, progress('completed')))).toMatchObject({ to: 'completed' });
    const ended = external().write('run.cancelled', {});
    for (const state of ['created', 'running', 'paused', 'completed', 'failed']) {
      expect(refusalOf(() => jobEvents(ended.view.control, progress(state)))).toMatchObject({
        from: 'cancelled',
        to: state,
        allowed: [],
      });
    }
    const end = readJobMessage({ type: 'job:completed', ...job, result: 1 });
    expect(refusalOf(() => jobEvents(ended.view.control, end))).toMatchObject({ to: 'completed' });
  });

  test.each([
    [null, ''],
    [{ type: 'job:other', ...job }, 'type'],
    [{ type: 'job:chunk', jobId: 'j1', text: 'x' }, 'userId'],
    [{ type: 'job:chunk', ...job }, 'text'],
    [{ type: 'job:progress', ...job, state: 'stopping', step: '', progress: 1 }, 'state'],
    [{ type: 'job:progress', ...job, state: 'running', step: '', progress: Number.NaN }, 'progress'],
    [{ type: 'job:step', ...job, step: 'a', status: 'done' }, 'status'],
    [{ type: 'job:failed', ...job, error: { code: 'x' } }, 'message'],
  ])('[DIA-28] %j is refused, naming the field', (message, field) => {
    expect(refusalOf(() => readJobMessage(message))).toMatchObject({ code: 'event_invalid', field });
  });
});

describe('what an emitter of seed 003 emits', () => {
  test('[DIA-29] comes out as it went in: told by channels, and emitted again, a run tells the same events', () => {
    const say = { agentId: 'a', messageId: 'm' };
    const document = { kbId: 'kb1', documentId: 'd1', fileName: 'a.pdf' };
    const log = external(graph('a'))
      .start('a')
      .write('node.progress', { progress: 40, message: 'reading' }, { node: 'a' })
      .write('node.retrying', { error: { code: 'task_failed', message: 'Oh' }, nextAt: 5_000 }, { node: 'a' })
      .write('node.queued', {}, { node: 'a' })
      .start('a', 2)
      .write('agent.started', { ...say, model: 'x' })
      .write('agent.token', { ...say, text: 'Hi' })
      .write('agent.tool_call', { ...say, callId: 'c', name: 'search', arguments: { q: 1 }, status: 'running' })
      .write('agent.tool_result', { ...say, callId: 'c', name: 'search', status: 'completed', result: 2 })
      .write('agent.completed', { ...say, text: 'Hi', tokens: { output: 1 } })
      .write('kb.started', { ...document, bytes: 3 })
      .write('kb.processing', { ...document, phase: 'indexing', progress: 10 })
      .write('kb.completed', { ...document, chunks: 1, embeddings: 1 })
      .write('input.requested', { inputId: 'i', prompt: 'Go?', schema: { type: 'boolean' } }, { node: 'a' })
      .write('run.progress', { progress: 90, message: 'nearly' })
      .complete('a')
      .write('run.completed', { output: { ok: true }, duration: 5 });
    const emitted = messagesOf(channels, log.events).filter(({ data }) => data.status !== 'created');
    const again = external(graph('a'));
    for (const { event, data } of emitted) append(again, channelEvents(event, data, again.view.control).events);
    const shape = (messages: typeof emitted) =>
      messages.map(
        ({ event, data: { id: _id, timestamp: _at, startTime: _start, context: _in, duration: _ms, ...data } }) => ({
          event,
          data,
        }),
      );
    const told = messagesOf(channels, again.events).filter(({ data }) => data.status !== 'created');
    const quiet = (messages: typeof emitted) => shape(messages).filter(({ event }) => event !== 'execution:updated');
    expect(quiet(told)).toEqual(quiet(emitted));
    expect(again.view.content).toMatchObject({ progress: 90, message: 'nearly' });
    expect(again.view.control).toMatchObject({ status: 'completed', output: { ok: true } });
  });

  test('[DIA-29] a node that begins again, with or without a word on the attempt before, begins a new attempt', () => {
    const log = external();
    const emit = (name: string, data: object) =>
      append(log, channelEvents(name, { executionId: 'r1', ...data }, log.view.control).events);
    emit('node:started', { nodeId: 'a', nodeType: 'fetch' });
    emit('node:started', { nodeId: 'a', nodeType: 'fetch' });
    emit('node:failed', { nodeId: 'a', error: 'Oh', retry: { willRetry: true } });
    emit('node:started', { nodeId: 'a', nodeType: 'fetch' });
    expect(log.view.control.nodes.a).toMatchObject({ status: 'running', attempt: 3, retries: 2, task: 'fetch' });
  });

  test('[DIA-29] says whose run it is; a document without an execution is a run of its own that ends with it', () => {
    expect(channelEvents('execution:started', { executionId: 'e1', workflowId: 'flow', userId: 'ada' })).toEqual({
      executionId: 'e1',
      workflowId: 'flow',
      userId: 'ada',
      events: [{ type: 'run.started', data: {} }],
    });
    const document = { knowledgeBaseId: 'kb1', documentId: 'd1', fileName: 'a.pdf' };
    expect(channelEvents('kb:upload_started', { ...document, fileSize: 3 })).toMatchObject({
      executionId: 'kb-kb1-d1',
      workflowId: 'ingest',
    });
    const ended = channelEvents('kb:upload_completed', { ...document, chunkCount: 1, embeddingCount: 1 });
    expect(ended.events.map(({ type }) => type)).toEqual(['kb.completed', 'run.completed']);
    const failed = channelEvents('kb:upload_failed', { ...document, error: 'no', failedStep: 'chunking' });
    expect(failed.events.map(({ type }) => type)).toEqual(['kb.failed', 'run.failed']);
    expect(channelEvents('execution:updated', { executionId: 'e1', status: 'paused' }).command).toEqual({
      type: 'pause',
    });
  });

  test('[DIA-29] a bridge listens to every name; another name and bad data are refused, naming the field', () => {
    expect(sourceNames).toHaveLength(18);
    expect(refusalOf(() => channelEvents('toString', {}))).toMatchObject({ code: 'event_unknown' });
    for (const name of sourceNames) {
      expect(
        refusalOf(() => channelEvents(name, 'text')),
        name,
      ).toMatchObject({ code: 'event_invalid' });
      expect(
        refusalOf(() => channelEvents(name, { executionId: 7 })),
        name,
      ).toMatchObject({ field: 'executionId' });
    }
    const of = { executionId: 'e1', agentId: 'a' };
    expect(refusalOf(() => channelEvents('agent:token', of))).toMatchObject({ code: 'event_invalid', field: 'token' });
  });
});
