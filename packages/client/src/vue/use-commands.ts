import type { ShallowRef } from 'vue';
import type { CommandQueue } from '../command-queue.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** What was asked of runs and is not in their logs yet, oldest first: under way, or waiting for the connection. */
export function useCommands(): Readonly<ShallowRef<CommandQueue>> {
  const client = useClient();
  return useStore(() => client.commands);
}
