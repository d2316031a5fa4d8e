import type { RunFilter } from '@millrace/protocol/frame';
import { publicStatus } from '@millrace/protocol/view';
import type { StoreApi } from 'zustand/vanilla';
import type { Client } from '../client.ts';
import { type ShownStatus, shownStatus } from '../present/pending.ts';
import type { RunSnapshot, RunStore } from '../run-store.ts';
import { liveStore } from './live-store.ts';

export interface RunState extends RunSnapshot, Pick<RunStore, 'command' | 'approve'> {
  /** the run's status, where a command is on its way with what was asked; undefined until the first answer */
  readonly shown: ShownStatus | undefined;
}

/**
 * A run as a Zustand store: the log moves it, and its own commands show at once, until the log confirms them or the server
 * refuses them (`refused`).
 */
export function createRunStore(client: Client, id: string, options?: { filter?: RunFilter }): StoreApi<RunState> {
  const run = client.run(id, options);
  const actions: Pick<RunState, 'command' | 'approve'> = {
    command: (command, key) => run.command(command, key),
    approve: (approvalId, decision, comment) => run.approve(approvalId, decision, comment),
  };
  return liveStore([run], () => {
    const snapshot = run.getSnapshot();
    const { view, pending } = snapshot;
    return { ...snapshot, ...actions, shown: view && shownStatus(publicStatus(view.control), pending) };
  });
}
