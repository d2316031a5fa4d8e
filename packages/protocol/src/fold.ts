import { draft, type Fresh } from './draft.ts';
import type { RunEvent } from './event.ts';
import { isControl, isEventType } from './event-kind.ts';
import { foldContent } from './fold-content.ts';
import { foldControl } from './fold-control.ts';
import type { RunView } from './view.ts';

/**
 * The only reducer: the view of a log, one event further. O(1) amortised per event.
 *
 * Without `fresh` the view is changed in place, for a holder whom nobody else watches. With it, whatever
 * changes is copied first unless it is in `fresh` already: a holder that publishes views makes one set per
 * frame, so a published view never changes and a frame of many events copies each part at most once.
 * An event of a type that this version does not know moves `seq` and nothing else.
 */
export function fold(view: RunView, event: RunEvent, fresh?: Fresh): RunView {
  const next = draft(view, fresh);
  next.seq = event.seq;
  next.at = event.at;
  if (!isEventType(event.type)) return next;
  if (isControl(event.type)) next.control = foldControl(next.control, event, fresh);
  next.content = foldContent(next.content, next.control, event, fresh);
  return next;
}
