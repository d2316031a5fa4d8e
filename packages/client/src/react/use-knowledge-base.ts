import { useMemo } from 'react';
import { knowledgeBaseStore, type LiveDocument } from '../knowledge-base.ts';
import type { ReadSnapshot } from '../read-store.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/** The documents of a knowledge base, newest change first, live: whichever runs process them. */
export function useKnowledgeBase(kbId: string): ReadSnapshot<readonly LiveDocument[]> {
  const client = useClient();
  return useStore(useMemo(() => knowledgeBaseStore(client, kbId), [client, kbId]));
}
