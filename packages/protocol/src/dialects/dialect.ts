import type { Fresh } from '../draft.ts';
import type { RunEvent } from '../event.ts';
import { fold } from '../fold.ts';
import type { Json } from '../json.ts';
import type { RunView } from '../view.ts';

/** One message of an established protocol: the name that its clients listen for, and what they are given. */
export interface Message {
  event: string;
  data: { [field: string]: Json };
}

/**
 * An established wire protocol as a view of the log: a pure function (view after, event) → 0..n messages. Servers spell
 * their messages with it, clients that follow natively build the same ones with it. It keeps nothing between two calls.
 */
export interface Dialect {
  readonly name: string;
  /** What an event says; `view` is the fold up to and including it, and is not to be changed. */
  messages(view: RunView, event: RunEvent): readonly Message[];
  /** Makes one of several that one turn or page says, in order, e.g. of its tokens. Default: they stay as they are. */
  join?(messages: readonly Message[]): readonly Message[];
  /** What a run's present state says to whoever comes late and is not sent its events. */
  state?(view: RunView): readonly Message[];
}

/**
 * What a stretch of a log says: `view` is the fold of everything before it. The given view is changed in place, unless
 * there is `fresh`: then whatever changes is copied first, as {@link fold} does it, and `view` answers the copy.
 */
export function tell(
  dialect: Dialect,
  view: RunView,
  events: readonly RunEvent[],
  fresh?: Fresh,
): { view: RunView; messages: readonly Message[] } {
  let after = view;
  const messages: Message[] = [];
  for (const event of events) {
    after = fold(after, event, fresh);
    messages.push(...dialect.messages(after, event));
  }
  return { view: after, messages: dialect.join?.(messages) ?? messages };
}
