import { emptyView, FOLD, fold, MillraceError, type RunEvent, type RunView } from '@millrace/protocol';
import type { RunKey, Store } from '../store/store.ts';

const PAGE = { events: 1_000, bytes: 1024 * 1024 };

/** The whole view of a run at its head: its stored snapshot, and what came after. Errors: run_not_found. */
export async function viewOf(store: Pick<Store, 'readSnapshot' | 'readLog'>, key: RunKey): Promise<RunView> {
  const stored = await store.readSnapshot(key, 'view', FOLD);
  const view = stored ? (JSON.parse(stored.text) as RunView) : emptyView(key.run);
  for (;;) {
    const page = await store.readLog(key, view.seq, PAGE);
    if (!page) throw new MillraceError('run_not_found');
    for (const event of JSON.parse(`[${page.text}]`) as RunEvent[]) fold(view, event);
    if (page.count === 0 || page.through >= page.head) return view;
  }
}
