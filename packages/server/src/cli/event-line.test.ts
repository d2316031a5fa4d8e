import type { RunEvent } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { eventLine } from './event-line.ts';

const at = Date.UTC(2026, 10, 21, 12, 0, 0, 5);

test.each<[RunEvent, string[]]>([
  [
    { seq: 7, at, type: 'log', node: 'greet', data: { level: 'info', message: 'two\nlines' } },
    ['12:00:00.005', '7', 'log', 'greet', 'info: two ⏎ lines'],
  ],
  [
    { seq: 8, at, type: 'node.failed', node: 'greet', data: { error: { code: 'task_failed', message: 'no' } } },
    ['node.failed', 'task_failed: no'],
  ],
  [
    { seq: 9, at, type: 'step.started', node: 'greet', step: 'read', data: { name: 'read' } },
    ['greet/read', '{"name":"read"}'],
  ],
  [
    { seq: 10, at, type: 'agent.token', data: { agentId: 'a', messageId: 'm', text: 'Hello' } },
    ['agent.token', 'Hello'],
  ],
])('[CLI-7] %j is told in one line', (event, parts) => {
  const line = eventLine(event);
  for (const part of parts) expect(line).toContain(part);
  expect(line).not.toContain('\n');
});
