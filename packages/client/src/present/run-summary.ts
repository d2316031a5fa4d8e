import { type ContentView, type RunSummary, type RunView, summarise } from '@millrace/protocol/view';

/** A run's row, from its view: what lists show of it. */
export function summaryOf(view: RunView): RunSummary {
  return summarise(view.control, view.seq, view.at);
}

/** How many log lines, messages, documents and files of a view a newer attempt has retracted. */
export function supersededCount({ logs, messages, documents, files }: ContentView): number {
  const all = [...logs.lines, ...Object.values(messages), ...Object.values(documents), ...files];
  return all.reduce((sum, one) => sum + (one.superseded ? 1 : 0), 0);
}
