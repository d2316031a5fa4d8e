import type { InboxItem, InboxQuery } from './api.ts';
import type { Client } from './client.ts';
import type { ListSnapshot } from './list-store.ts';
import { ReadStore } from './read-store.ts';

/** What runs wait for people to answer, oldest first, live. Answer with `client.run(item.run).approve(item.id, …)`. */
export type InboxStore = ReadStore<readonly InboxItem[]>;

/** runs whose changes are followed: those that were created last */
const FOLLOWED = 500;

export function inboxStore(client: Client, query: InboxQuery = {}): InboxStore {
  const { owner, workflow } = query;
  const list = client.list({
    status: ['running', 'paused'],
    limit: FOLLOWED,
    ...(owner !== undefined && { owner }),
    ...(workflow !== undefined && { workflow }),
  });
  return new ReadStore({
    clock: client.clock,
    empty: [],
    read: () => client.api.inbox(query),
    continuity: () => list.getSnapshot().continuity,
    watch(changed) {
      let seen = waiting(list.getSnapshot());
      return list.subscribe(() => {
        const now = waiting(list.getSnapshot());
        if (now === seen) return;
        seen = now;
        changed();
      });
    },
  });
}

/** Which runs wait, and where each of them stands. */
function waiting({ rows, continuity }: ListSnapshot): string {
  const open = rows.flatMap(({ id, seq, openWaits }) => (openWaits > 0 ? [`${id}:${seq}`] : []));
  return `${continuity} ${open.join()}`;
}
