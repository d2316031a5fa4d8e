import { type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import type { InboxItem, InboxQuery } from '../api.ts';
import { inboxStore } from '../inbox.ts';
import type { ReadSnapshot } from '../read-store.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/**
 * What runs wait for people to answer, oldest first, live: of your runs, or of all where you operate them. Answer with
 * `useClient().run(item.run).approve(item.id, decision)`.
 */
export function useInbox(
  query: MaybeRefOrGetter<InboxQuery> = {},
): Readonly<ShallowRef<ReadSnapshot<readonly InboxItem[]>>> {
  const client = useClient();
  return useStore(() => inboxStore(client, { ...toValue(query) }));
}
