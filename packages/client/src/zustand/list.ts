import type { CreateRun } from '@millrace/protocol/command';
import type { RunCommand } from '@millrace/protocol/frame';
import type { RunSummary } from '@millrace/protocol/view';
import type { StoreApi } from 'zustand/vanilla';
import type { CommandAnswer } from '../api.ts';
import type { Client } from '../client.ts';
import type { ListQuery, ListSnapshot } from '../list-store.ts';
import { type ShownStatus, shownStatus } from '../present/pending.ts';
import { Listeners } from '../store.ts';
import { liveStore } from './live-store.ts';

export interface ListedRun extends RunSummary {
  /** its status, where a command is on its way with what was asked */
  readonly shown: ShownStatus;
}

export interface ListState extends Omit<ListSnapshot, 'rows'> {
  readonly rows: readonly ListedRun[];
  /** runs that were started here and are not among the rows yet, newest first */
  readonly starting: readonly { readonly id: string; readonly workflow: string }[];
  /** Starts a run. Rejects as `client.api.start` does. */
  start(run: CreateRun): Promise<string>;
  /** Asks something of a run. Rejects as a run's `command` does. */
  command(id: string, command: RunCommand): Promise<CommandAnswer>;
}

/** A list of runs as a Zustand store: what is done here shows at once, and stands when the list itself confirms it. */
export function createListStore(client: Client, query?: ListQuery): StoreApi<ListState> {
  const list = client.list(query);
  const started = new Listeners();
  let starting: ListState['starting'] = [];
  const actions: Pick<ListState, 'start' | 'command'> = {
    async start(run) {
      const { id } = await client.api.start(run);
      starting = [{ id, workflow: run.workflow }, ...starting];
      started.tell();
      return id;
    },
    command: (id, command) => client.run(id).command(command),
  };
  return liveStore([list, client.commands, { subscribe: (listener) => started.add(listener) }], () => {
    const { rows, ...rest } = list.getSnapshot();
    const commands = client.commands.getSnapshot();
    starting = starting.filter(({ id }) => rows.every((row) => row.id !== id));
    const shown = (row: RunSummary) =>
      shownStatus(
        row,
        commands.filter(({ run }) => run === row.id),
      );
    return { ...rest, ...actions, starting, rows: rows.map((row) => ({ ...row, shown: shown(row) })) };
  });
}
