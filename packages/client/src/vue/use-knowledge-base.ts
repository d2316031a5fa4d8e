import { type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import { knowledgeBaseStore, type LiveDocument } from '../knowledge-base.ts';
import type { ReadSnapshot } from '../read-store.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** The documents of a knowledge base, newest change first, live: whichever runs process them. */
export function useKnowledgeBase(
  kbId: MaybeRefOrGetter<string>,
): Readonly<ShallowRef<ReadSnapshot<readonly LiveDocument[]>>> {
  const client = useClient();
  return useStore(() => knowledgeBaseStore(client, toValue(kbId)));
}
