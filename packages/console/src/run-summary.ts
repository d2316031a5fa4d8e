import type { ContentView, RunSummary, RunView } from '@millrace/protocol/view';
import { summarise } from '@millrace/protocol/view';

export function summaryOf(view: RunView): RunSummary {
  return summarise(view.control, view.seq, view.at);
}

/** How many lines, messages, documents and files newer attempts have retracted. */
export function supersededCount({ logs, messages, documents, files }: ContentView): number {
  const all = [...logs.lines, ...Object.values(messages), ...Object.values(documents), ...files];
  return all.reduce((sum, one) => sum + (one.superseded ? 1 : 0), 0);
}
