import { emptyView, FOLD, fold, MillraceError, type RunView } from '@millrace/protocol';
import type { RunKey, Store } from '../store/store.ts';
import type { Lens } from './lens.ts';
import type { LogRange } from './log-range.ts';

interface Log {
  readonly key: RunKey;
  /** a long stretch after `after`; undefined = the run is gone */
  stretch(after: number): Promise<LogRange | undefined>;
}

/** events that are folded in one turn of the event loop */
const SLICE = 256;

/**
 * The view of a log through a lens as it was at `seq`: for a reader who comes back to the middle of a log and is told
 * what events led to. From the stored snapshot where that is not beyond it, else from the beginning: what it costs
 * grows with the distance. Errors: run_deleted.
 */
export async function viewAt(log: Log, lens: Lens, seq: number, store: Pick<Store, 'readSnapshot'>): Promise<RunView> {
  if (seq === 0) return emptyView(log.key.run);
  const stored = lens.snapshot && (await store.readSnapshot(log.key, lens.snapshot, FOLD));
  const near = stored && stored.seq <= seq ? stored : undefined;
  const view = near ? (JSON.parse(near.text) as RunView) : emptyView(log.key.run);
  let read = near?.seq ?? 0;
  while (read < seq) {
    const stretch = await log.stretch(read);
    if (!stretch) throw new MillraceError('run_deleted');
    if (stretch.through <= read) break;
    const events = stretch.parse(lens).filter((event) => event.seq <= seq);
    for (let from = 0; from < events.length; from += SLICE) {
      for (const event of events.slice(from, from + SLICE)) fold(view, event);
      await new Promise((resolve) => setImmediate(resolve));
    }
    read = stretch.through;
  }
  return view;
}
