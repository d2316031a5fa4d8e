import { expect, test } from 'vitest';
import type { Fresh } from './draft.ts';
import type { RunEvent } from './event.ts';
import { fold } from './fold.ts';
import { LOG_WINDOW, MESSAGE_WINDOW, TEXT_WINDOW } from './fold-window.ts';
import { emptyView, type RunView } from './view.ts';

const EVENTS = 1_000_000;
const FRAME = 500;
const place = { node: 'n', attempt: 1 };
const sha256 = '0'.repeat(64);

/** Everything that a run may tell for ever, under ever new names. */
function told(seq: number): RunEvent {
  const of = { seq, at: seq, ...place };
  const message = { agentId: 'a', messageId: `${Math.floor(seq / 250)}` };
  const name = `${Math.floor(seq / 20)}`;
  const document = { kbId: 'k', documentId: name, fileName: 'f' };
  switch (seq % 20) {
    case 1:
      return { ...of, type: 'metric', data: { name, value: seq } };
    case 2:
      return { ...of, type: 'file.created', data: { name, type: 'text/plain', bytes: 1, sha256, url: '/f' } };
    case 3:
      return { ...of, type: 'kb.started', data: document };
    case 4:
      return { ...of, type: 'error', data: { code: 'c', message: 'm' } };
    case 5:
      return { ...of, type: 'step.progress', data: { name: 's', key: name, progress: 1 } };
    case 6:
      return {
        ...of,
        type: 'agent.tool_call',
        data: { ...message, callId: name, name: 't', arguments: {}, status: 'running' },
      };
    case 7:
      return { ...of, type: 'agent.thinking', data: { ...message, text: 'hm, '.repeat(50) } };
    case 8:
    case 9:
    case 10:
      return { ...of, type: 'agent.token', data: { ...message, text: 'word '.repeat(20) } };
    default:
      return { ...of, type: 'log', data: { level: 'info', message: `line ${seq}` } };
  }
}

/** Counts what a frame copies: the objects, and the entries that they hold. */
class Copies extends WeakSet<object> {
  objects = 0;
  entries = 0;
  override add(copy: object): this {
    this.objects += 1;
    this.entries += Object.keys(copy).length;
    return super.add(copy);
  }
}

/** The number of values in a view, and of characters in its texts. */
function sizeOf(value: unknown): { values: number; characters: number } {
  const size = { values: 0, characters: 0 };
  const visit = (part: unknown): void => {
    size.values += 1;
    if (typeof part === 'string') size.characters += part.length;
    else if (typeof part === 'object' && part !== null) for (const child of Object.values(part)) visit(child);
  };
  visit(value);
  return size;
}

test('[PRO-31] a view of a million events is no larger than one of half as many, and a frame of events copies no more', () => {
  let view: RunView = emptyView('r1');
  view = fold(view, {
    seq: 1,
    at: 1,
    type: 'run.created',
    data: { workflow: 'w', nodes: [{ id: 'n', task: 't' }], input: null },
  });
  view = fold(view, { seq: 2, at: 2, type: 'node.started', ...place, data: {} });
  const sizes: ReturnType<typeof sizeOf>[] = [];
  const most = { early: { objects: 0, entries: 0 }, late: { objects: 0, entries: 0 } };
  while (view.seq < EVENTS) {
    const copies = new Copies();
    const last = view.seq - (view.seq % FRAME) + FRAME;
    while (view.seq < last) view = fold(view, told(view.seq + 1), copies as Fresh);
    const period = view.seq <= EVENTS / 10 ? most.early : view.seq > EVENTS * 0.9 ? most.late : undefined;
    if (period) {
      period.objects = Math.max(period.objects, copies.objects);
      period.entries = Math.max(period.entries, copies.entries);
    }
    if (view.seq % (EVENTS / 10) === 0) sizes.push(sizeOf(view));
  }
  const largest = (part: 'values' | 'characters', some: typeof sizes) => Math.max(...some.map((size) => size[part]));
  expect(sizes).toHaveLength(10);
  for (const part of ['values', 'characters'] as const)
    expect(largest(part, sizes.slice(5))).toBeLessThanOrEqual(1.1 * largest(part, sizes.slice(0, 5)));
  expect(most.late.objects).toBeLessThanOrEqual(most.early.objects);
  expect(most.late.entries).toBeLessThanOrEqual(1.1 * most.early.entries);
  const { content } = view;
  expect(content.logs.total).toBe(EVENTS / 2);
  expect(content.logs.lines.length).toBeLessThanOrEqual(2 * LOG_WINDOW);
  expect(content).toMatchObject({
    messageTotal: EVENTS / 250,
    metricTotal: EVENTS / 20 - 1,
    errorTotal: EVENTS / 20,
  });
  expect(Object.keys(content.messages).length).toBeLessThanOrEqual(2 * MESSAGE_WINDOW);
  for (const { text, thinking } of Object.values(content.messages))
    expect(Math.max(text.length, thinking.length)).toBeLessThanOrEqual(2 * TEXT_WINDOW);
}, 60_000);
