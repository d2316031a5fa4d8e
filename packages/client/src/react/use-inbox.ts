import { useMemo } from 'react';
import type { InboxItem, InboxQuery } from '../api.ts';
import { inboxStore } from '../inbox.ts';
import type { ReadSnapshot } from '../read-store.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/**
 * What runs wait for people to answer, oldest first, live: of your runs, or of all where you operate them. Answer with
 * `useClient().run(item.run).approve(item.id, decision)`.
 */
export function useInbox(query: InboxQuery = {}): ReadSnapshot<readonly InboxItem[]> {
  const client = useClient();
  const text = JSON.stringify(query);
  return useStore(useMemo(() => inboxStore(client, JSON.parse(text) as InboxQuery), [client, text]));
}
