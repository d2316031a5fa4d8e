import { draft, type Fresh, own } from './draft.ts';
import { withdraw } from './fold-layers.ts';
import { retracts } from './retraction.ts';
import type { ContentView, ControlView, Layered } from './view.ts';

/**
 * A newer attempt of the node has started: retracts what older ones told inside a step that never completed, and what
 * they told outside steps after the node's last durable result. Linear in the windows, once per attempt.
 */
export function supersede(content: ContentView, control: ControlView, id: string, fresh?: Fresh): ContentView {
  const node = control.nodes[id];
  const restart = node?.restarts?.at(-1);
  if (!node || restart?.attempt !== node.attempt) return content;
  const judge = <T extends Layered<T>>(item: T): T | undefined => (retracts(node, restart, item) ? undefined : item);
  const revise = <T extends Layered<T>>(items: Record<string, T>, write: () => Record<string, T>): void => {
    for (const [key, item] of Object.entries(items)) {
      const next = withdraw(item, judge);
      if (next !== item) write()[key] = next;
    }
  };
  const view = draft(content, fresh);
  for (const part of ['messages', 'documents', 'files', 'metrics', 'errors'] as const) {
    revise(view[part] as never, () => own(view, part, fresh) as never);
  }
  revise(view.logs.lines as never, () => own(own(view, 'logs', fresh), 'lines', fresh) as never);
  return view;
}
