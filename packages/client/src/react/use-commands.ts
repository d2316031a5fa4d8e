import type { CommandQueue } from '../command-queue.ts';
import { useClient } from './provider.tsx';
import { useStore } from './use-store.ts';

/** What was asked of runs and is not in their logs yet, oldest first: under way, or waiting for the connection. */
export function useCommands(): CommandQueue {
  return useStore(useClient().commands);
}
