import { describe, expect, test } from 'vitest';
import {
  DOCUMENT_WINDOW,
  ERROR_WINDOW,
  FILE_WINDOW,
  LOG_WINDOW,
  MESSAGE_WINDOW,
  METRIC_WINDOW,
  TEXT_WINDOW,
} from './fold-window.ts';
import { graph, Log } from './log.suite.ts';

const message = { agentId: 'a', messageId: 'm' };
const place = { node: 'n', attempt: 1 };
const started = () => Log.of(graph('n')).start('n');
const file = (name: string, bytes = 1) => ({ name, type: 'text/plain', bytes, sha256: '0'.repeat(64), url: '/f' });
const times = (count: number, what: (n: number) => void) => Array.from({ length: count }, (_, n) => what(n));

describe('[PRO-20] content is bounded: the newest stay, the totals tell the rest', () => {
  test('log lines', () => {
    const log = started();
    times(5 * LOG_WINDOW, (n) => log.write('log', { level: 'info', message: `${n}` }, place));
    const { total, lines } = log.view.content.logs;
    expect(total).toBe(5 * LOG_WINDOW);
    expect(lines.length).toBeGreaterThanOrEqual(LOG_WINDOW);
    expect(lines.length).toBeLessThan(2 * LOG_WINDOW);
    expect(lines.at(-1)?.message).toBe(`${5 * LOG_WINDOW - 1}`);
  });

  test('messages, documents, files, metrics, errors', () => {
    const log = started();
    times(5 * MESSAGE_WINDOW, (n) => log.write('agent.token', { agentId: 'a', messageId: `${n}`, text: 'x' }, place));
    times(3 * DOCUMENT_WINDOW, (n) => log.write('kb.started', { kbId: 'k', documentId: `${n}`, fileName: 'f' }));
    times(3 * FILE_WINDOW, (n) => log.write('file.created', file(`${n}`)));
    times(3 * METRIC_WINDOW, (n) => log.write('metric', { name: `m${n}`, value: n }));
    times(3 * ERROR_WINDOW, (n) => log.write('error', { code: 'x', message: `${n}` }));
    const { content } = log.view;
    expect(content).toMatchObject({
      messageTotal: 5 * MESSAGE_WINDOW,
      documentTotal: 3 * DOCUMENT_WINDOW,
      fileTotal: 3 * FILE_WINDOW,
    });
    const sizes = [
      [Object.keys(content.messages).length, MESSAGE_WINDOW],
      [Object.keys(content.documents).length, DOCUMENT_WINDOW],
      [content.files.length, FILE_WINDOW],
      [Object.keys(content.metrics).length, METRIC_WINDOW],
      [content.errors.length, ERROR_WINDOW],
    ] as const;
    for (const [size, window] of sizes) {
      expect(size).toBeGreaterThanOrEqual(window);
      expect(size).toBeLessThanOrEqual(2 * window);
    }
    expect(content.messages[`n/a/${5 * MESSAGE_WINDOW - 1}`]).toBeDefined();
    expect(content.messages['n/a/0']).toBeUndefined();
  });

  test('a message’s text, with the number of characters that were cut', () => {
    const log = started();
    times(500, (n) => log.write('agent.token', { ...message, text: `${n % 10}`.repeat(1_000) }, place));
    const { text = '', cut = 0 } = log.view.content.messages['n/a/m'] ?? {};
    expect(text.length + cut).toBe(500_000);
    expect(text.length).toBeLessThanOrEqual(2 * TEXT_WINDOW);
    expect(text.endsWith('9'.repeat(1_000))).toBe(true);
  });
});

test('progress is of what is going on: it goes when its node or step ends or starts again', () => {
  const log = started().write('node.progress', { progress: 10, message: 'm' }, place);
  log.write('step.progress', { name: 's', key: 'k', progress: 50 }, place);
  expect(log.view.content.progresses).toEqual({ n: { progress: 10, message: 'm' }, 'n/s/k': { progress: 50 } });
  log.write('step.completed', { name: 's', key: 'k' }, place);
  expect(Object.keys(log.view.content.progresses)).toEqual(['n']);
  log.complete('n').write('run.progress', { progress: 100, message: 'done' });
  expect(log.view.content).toMatchObject({ progresses: {}, progress: 100, message: 'done' });
});

test('an agent’s message is put together from its events', () => {
  const log = started().write('agent.started', { ...message, model: 'm1', note: 'extractive' }, place);
  log.write('agent.thinking', { ...message, text: 'hm' }, place);
  log.write(
    'agent.tool_call',
    { ...message, callId: 'c', name: 'search', arguments: { q: 1 }, status: 'running' },
    place,
  );
  log.write('agent.tool_result', { ...message, callId: 'c', name: 'search', status: 'completed', result: [1] }, place);
  log.write('agent.tool_result', { ...message, callId: 'd', name: 'open', status: 'failed', error: 'no' }, place);
  times(3, (n) => log.write('agent.token', { ...message, text: `${n} ` }, place));
  log.write('agent.completed', { ...message, tokens: { input: 3, output: 4 } }, place);
  expect(log.view.content.messages['n/a/m']).toMatchObject({
    status: 'done',
    role: 'assistant',
    model: 'm1',
    note: 'extractive',
    thinking: 'hm',
    text: '0 1 2 ',
    tokens: { input: 3, output: 4 },
    tools: [
      { callId: 'c', name: 'search', arguments: { q: 1 }, status: 'completed', result: [1] },
      { callId: 'd', name: 'open', arguments: null, status: 'failed', error: 'no' },
    ],
  });
});

test('a message that starts again is the newest one', () => {
  const log = started();
  for (const messageId of ['1', '2']) log.write('agent.token', { agentId: 'a', messageId, text: 'x' }, place);
  log.write('agent.started', { agentId: 'a', messageId: '1' }, place);
  expect(Object.keys(log.view.content.messages)).toEqual(['n/a/2', 'n/a/1']);
  expect(log.view.content).toMatchObject({ messageTotal: 2, messages: { 'n/a/1': { text: '' } } });
});

test('a document goes through its phases; a file keeps one entry under its name', () => {
  const document = { kbId: 'k', documentId: 'd', fileName: 'f' };
  const log = started().write('kb.started', { ...document, bytes: 9 });
  log.write('kb.processing', { ...document, phase: 'embedding', progress: 70, chunks: 4 });
  log.write('kb.failed', { ...document, error: 'no room', failedPhase: 'indexing' });
  expect(log.view.content.documents['k/d']).toMatchObject({
    status: 'failed',
    bytes: 9,
    progress: 70,
    chunks: 4,
    phase: 'indexing',
    error: 'no room',
  });
  log.write('kb.started', document).write('kb.completed', { ...document, chunks: 5, embeddings: 5 });
  expect(log.view.content.documents['k/d']).toMatchObject({ status: 'completed', progress: 100, chunks: 5 });
  log.write('file.created', file('a')).write('file.created', file('b')).write('file.updated', file('a', 2));
  expect(log.view.content.files).toMatchObject([{ name: 'a', bytes: 2 }, { name: 'b' }]);
});

test('fields that a newer version added to an event do not overwrite what the view itself says', () => {
  const sneaky = { seq: 99, superseded: true, at: 1, node: 'x', decision: 'approved' };
  const log = started().write('log', { level: 'info', message: 'm', ...sneaky }, place);
  log.write('error', { code: 'c', message: 'm', ...sneaky });
  log.write('approval.requested', { approvalId: 'ok', title: 't', ...sneaky });
  expect(log.view.content.logs.lines[0]).toEqual({ seq: 3, at: 1_030, ...place, level: 'info', message: 'm' });
  expect(log.view.content.errors[0]).toEqual({ seq: 4, at: 1_040, code: 'c', message: 'm' });
  expect(log.view.control.waits.ok?.approval).toEqual({ title: 't' });
});
