import { Bar, ConnectionLight } from '@millrace/client/react';
import type { RunSummary } from '@millrace/protocol/view';
import { Link } from '@tanstack/react-router';
import type { ComponentProps, ReactNode } from 'react';

export interface StatusBarProps {
  connection: ComponentProps<typeof ConnectionLight>;
  /** the runs that have not ended */
  running: readonly RunSummary[];
  /** what becomes of the commands that wait for the connection; undefined = none does */
  queue: string | undefined;
}

/** At the foot of every page: the connection, what runs, how far it is, and what waits. */
export function StatusBar({ connection, running, queue }: StatusBarProps): ReactNode {
  const waiting = running.filter((run) => run.detail === 'waiting');
  const ended = running.reduce((sum, run) => sum + run.nodes.ended, 0);
  const total = running.reduce((sum, run) => sum + run.nodes.total, 0);
  return (
    <footer className="sticky bottom-0 z-10 border-t border-line bg-surface text-[0.9rem]">
      <div className="mx-auto flex min-h-9 max-w-7xl flex-wrap items-center gap-x-5 gap-y-0.5 px-4 py-1.5">
        <ConnectionLight {...connection} />
        {queue !== undefined && <span className="font-medium text-warn">{queue}</span>}
        <span className="text-muted">
          {running.length === 0 ? 'Nothing is running' : `${running.length} running, ${ended} of ${total} nodes`}
        </span>
        {total > 0 && (
          <span className="w-28 max-sm:hidden">
            <Bar label="Nodes ended of all running runs" percent={(100 * ended) / total} />
          </span>
        )}
        {waiting[0] && (
          <Link
            to="/runs/$id"
            params={{ id: waiting[0].id }}
            className="ml-auto font-medium text-warn underline underline-offset-2"
          >
            {waiting.length === 1 ? '1 run is waiting' : `${waiting.length} runs are waiting`}
          </Link>
        )}
      </div>
    </footer>
  );
}
