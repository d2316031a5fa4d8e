import { draft, type Fresh } from './draft.ts';
import { cutBack } from './fold-agent.ts';
import type { ContentView, ControlView, Origin } from './view.ts';

/**
 * A newer attempt of the node has started: retracts what older ones told inside a step that never completed, and what
 * they told outside steps after the node's last durable result. Linear in the windows, once per attempt.
 */
export function supersede(content: ContentView, control: ControlView, node: string, fresh?: Fresh): ContentView {
  const seen = control.nodes[node];
  if (!seen || seen.attempt < 2) return content;
  const durable = seen.durableSeq ?? 0;
  const isOlder = (item: Origin): boolean =>
    !item.superseded && item.node === node && (item.attempt ?? 0) < seen.attempt;
  const isStale = (item: Origin): boolean =>
    isOlder(item) && (item.step === undefined ? item.seq > durable : seen.steps[item.step]?.status !== 'completed');
  const mark = <T extends Origin>(item: T): T => (isStale(item) ? { ...item, superseded: true } : item);

  const view = draft(content, fresh);
  if (view.logs.lines.some(isStale)) view.logs = { ...view.logs, lines: view.logs.lines.map(mark) };
  if (view.files.some(isStale)) view.files = view.files.map(mark);
  view.documents = mapChanged(view.documents, mark);
  view.messages = mapChanged(view.messages, (message) =>
    isOlder(message) && message.kept?.durable === durable ? cutBack(message) : mark(message),
  );
  return view;
}

/** The record with every item mapped; the same record where no item changed. */
function mapChanged<T>(record: Record<string, T>, change: (item: T) => T): Record<string, T> {
  let changed: Record<string, T> | undefined;
  for (const [key, item] of Object.entries(record)) {
    const next = change(item);
    if (next === item) continue;
    changed ??= { ...record };
    changed[key] = next;
  }
  return changed ?? record;
}
