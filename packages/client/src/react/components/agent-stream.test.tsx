// @vitest-environment jsdom
import type { AgentMessage, ContentView } from '@millrace/protocol/view';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { AgentStream } from './agent-stream.tsx';
import { piecesOf } from './growing-text.tsx';
import { approvalLog, type SampleLog, streamingLog } from './sample-log.suite.ts';

afterEach(cleanup);

type Messages = ContentView['messages'];
const messagesOf = (log: SampleLog): Messages => log.view().content.messages;
const each = (messages: Messages, change: Partial<AgentMessage>): Messages =>
  Object.fromEntries(Object.entries(messages).map(([key, message]) => [key, { ...message, ...change }]));
const caret = () => screen.queryByTestId('caret');

test('[UI-2] the caret stands at the end of the text while it streams, and is gone when the message is done', () => {
  const { rerender } = render(<AgentStream messages={messagesOf(streamingLog())} live={true} />);
  expect(caret()?.previousSibling?.textContent).toMatch(/route declares $/);
  expect(screen.getByRole('article').getAttribute('aria-busy')).toBe('true');
  rerender(<AgentStream messages={messagesOf(approvalLog())} live={true} />);
  expect(caret()).toBeNull();
  expect(screen.getByRole('article').getAttribute('aria-busy')).toBe('false');
});

test('[UI-2] a message that stands still (connection lost, run ended, attempt retracted) has no caret', () => {
  const { rerender } = render(<AgentStream messages={messagesOf(streamingLog())} live={false} />);
  expect(caret()).toBeNull();
  const retracted = each(messagesOf(streamingLog()), { superseded: true });
  rerender(<AgentStream messages={retracted} live={true} showSuperseded={true} />);
  expect(caret()).toBeNull();
});

test('[UI-3] superseded output is left out until it is asked for, and then says that it is', () => {
  const retracted = each(messagesOf(approvalLog()), { superseded: true });
  const { rerender } = render(<AgentStream messages={retracted} live={true} />);
  expect(screen.queryByRole('article')).toBeNull();
  rerender(<AgentStream messages={retracted} live={true} showSuperseded={true} />);
  expect(screen.getByRole('article').textContent).toContain('superseded by a newer attempt');
});

test('a tool call shows its name, its state in words and its arguments; the model says what it is', () => {
  render(<AgentStream messages={messagesOf(streamingLog())} live={true} />);
  const call = screen.getByRole('list', { name: 'Tool calls' });
  expect(call.textContent).toContain('Completed');
  expect(call.textContent).toContain('search');
  expect(call.textContent).toContain('query: validate body');
  expect(screen.getByText('Offline: quotes the documents.')).toBeTruthy();
});

test('[UI-5] HTML that a model or a tool writes is text', () => {
  const [message] = Object.values(each(messagesOf(streamingLog()), { text: '<img src=x onerror=alert(1)>' }));
  const messages: Messages = { one: message!, done: { ...message!, key: 'done', status: 'done' } };
  const { container } = render(<AgentStream messages={messages} live={true} />);
  expect(container.querySelector('img')).toBeNull();
  expect(container.textContent?.split('<img src=x onerror=alert(1)>').length).toBe(3);
});

test('a long text is cut at line ends only, loses nothing, and earlier pieces keep their place', () => {
  const text = Array.from({ length: 1_000 }, (_, at) => `line ${at}`).join('\n');
  const pieces = piecesOf(text);
  expect(pieces.length).toBeGreaterThan(3);
  expect(pieces.map((piece) => piece.text).join('\n')).toBe(text);
  expect(piecesOf(`${text} and more`).slice(0, -1)).toEqual(pieces.slice(0, -1));
});
