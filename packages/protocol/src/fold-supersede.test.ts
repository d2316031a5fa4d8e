import { describe, expect, test } from 'vitest';
import { graph, Log } from './log.suite.ts';

const one = { node: 'n', attempt: 1 };
const two = { node: 'n', attempt: 2 };
const message = { agentId: 'a', messageId: 'm' };

const started = () => Log.of(graph('n', 'other')).start('n');
const again = (log: Log, attempt = 2) => log.lose('n').start('n', attempt);
const say = (log: Log, text: string, place: typeof one & { step?: string }) =>
  log.write('log', { level: 'info', message: text }, place);
const lines = (log: Log) =>
  log.view.content.logs.lines.map((line) => (line.superseded ? `-${line.message}` : line.message));
const shown = (log: Log) => log.view.content.messages['n/a/m'];

describe('[PRO-18] when a newer attempt starts, views retract', () => {
  test('what an older one told inside a step that never completed', () => {
    const log = started().write('step.started', { name: 'good' }, one);
    say(log, 'in good', { ...one, step: 'good' });
    log.write('step.completed', { name: 'good' }, one).write('step.started', { name: 'bad', key: 'k' }, one);
    say(log, 'in bad', { ...one, step: 'bad/k' });
    log.write('file.created', file('report.md'), { ...one, step: 'bad/k' });
    log.write('kb.started', document, { ...one, step: 'bad/k' });
    expect(lines(again(log))).toEqual(['in good', '-in bad']);
    expect(log.view.content.files).toMatchObject([{ superseded: true }]);
    expect(log.view.content.documents['kb/d']).toMatchObject({ superseded: true });
  });

  test('what it told outside steps after its last durable result, and nothing before that', () => {
    const log = say(started(), 'before', one).write('checkpoint.saved', { key: 'k', state: 1 }, one);
    say(log, 'after', one);
    log.write('log', { level: 'info', message: 'other node' }, { node: 'other', attempt: 1 });
    expect(lines(again(log))).toEqual(['before', '-after', 'other node']);
  });

  test.each([
    ['step.completed', { name: 's' }],
    ['checkpoint.saved', { key: 'k', state: 1 }],
    ['input.provided', { inputId: 'i', value: 1 }],
  ] as const)('a durable result is: %s', (type, data) => {
    const log = say(started(), 'told', one).write(type, data, one);
    expect(lines(again(log))).toEqual(['told']);
  });

  test('a message as a whole, and the newer attempt’s text stands alone', () => {
    const log = started().write('agent.token', { ...message, text: 'half a sen' }, one);
    again(log);
    expect(shown(log)).toMatchObject({ text: 'half a sen', superseded: true });
    log.write('agent.token', { ...message, text: 'A whole one.' }, two);
    expect(shown(log)).toMatchObject({ text: 'A whole one.', attempt: 2 });
    expect(shown(log)).not.toHaveProperty('superseded');
  });

  test('the end of a message that was begun before the last durable result', () => {
    const log = started().write('agent.token', { ...message, text: 'kept ' }, one);
    log.write('agent.thinking', { ...message, text: 'hm' }, one).write('checkpoint.saved', { key: 'k', state: 1 }, one);
    log.write('agent.token', { ...message, text: 'lost' }, one).write('agent.thinking', { ...message, text: '?' }, one);
    log.write('agent.tool_call', { ...message, callId: 'c', name: 't', arguments: {}, status: 'running' }, one);
    log.write('agent.completed', { ...message, text: 'kept lost', tokens: { output: 2 } }, one);
    expect(shown(again(log))).toMatchObject({ text: 'kept ', thinking: 'hm', tools: [], status: 'streaming' });
    log.write('agent.token', { ...message, text: 'lost too' }, two);
    expect(shown(again(log, 3))).toMatchObject({ text: 'kept ' });
    log.write('agent.token', { ...message, text: 'again' }, { node: 'n', attempt: 3 });
    expect(shown(log)).toMatchObject({ text: 'kept again' });
  });

  test('a document’s progress starts anew', () => {
    const log = started().write('kb.started', { ...document, bytes: 10 }, one);
    again(log).write('kb.processing', { ...document, phase: 'chunking', progress: 20 }, two);
    expect(log.view.content.documents['kb/d']).toMatchObject({ progress: 20, attempt: 2, status: 'processing' });
    expect(log.view.content.documents['kb/d']).not.toHaveProperty('superseded');
  });

  test('but never usage, and nothing where the first attempt goes on', () => {
    const log = say(started(), 'told', one).write('usage', { inputTokens: 5 }, one);
    expect(lines(log)).toEqual(['told']);
    again(log);
    expect(log.view.control.usage.inputTokens).toBe(5);
    expect(log.view.control.nodes.n?.usage?.inputTokens).toBe(5);
  });

  test('but not what the newer attempt told before its own start was written', () => {
    const log = say(say(started(), 'first', one).lose('n'), 'early', two);
    expect(lines(log.start('n', 2))).toEqual(['-first', 'early']);
  });

  test('what the attempt itself has told stays when yet a newer one of another node starts', () => {
    const log = say(again(started()), 'second', two);
    log.start('other').lose('other').start('other', 2);
    expect(lines(log)).toEqual(['second']);
  });
});

const document = { kbId: 'kb', documentId: 'd', fileName: 'd.pdf' };
const file = (name: string) => ({ name, type: 'text/markdown', bytes: 1, sha256: '0'.repeat(64), url: '/f' });
