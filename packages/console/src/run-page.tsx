import { isStale, useClient, useConnection, useRun } from '@millrace/client/react';
import type { FileView } from '@millrace/protocol/view';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useCallback } from 'react';
import { useNow } from './now.ts';
import { useRunAction } from './run-action.ts';
import { RunBody } from './run-body.tsx';

/** One run, live. */
export function RunPage({ id }: { id: string }): ReactNode {
  const client = useClient();
  const { view, status, error, continuity, pending, refused } = useRun(id);
  const { state } = useConnection();
  const act = useRunAction(id);
  const load = useCallback((file: FileView) => client.api.file(file.url), [client]);
  const isConnected = !isStale(state);
  const now = useNow(isConnected && view !== undefined && view.control.endedAt === undefined);
  const clock = useNow(pending.some(({ expiresAt }) => expiresAt !== undefined));
  if (view) {
    return (
      <RunBody
        view={view}
        continuity={continuity}
        pending={pending}
        refused={refused}
        clock={clock}
        onKeep={(entry) => client.commands.confirm(entry)}
        onTakeBack={(entry) => client.commands.takeBack(entry)}
        isConnected={isConnected}
        problem={error?.message}
        now={Math.max(now, view.at)}
        onDecide={(approvalId, decision, comment) => client.run(id).approve(approvalId, decision, comment)}
        onProvide={(inputId, value) => client.run(id).command({ type: 'provide', inputId, value })}
        onAction={act}
        load={load}
      />
    );
  }
  if (status === 'loading') return <p className="text-muted">Loading the run…</p>;
  return (
    <section className="grid gap-3 py-10">
      <h1 className="text-xl font-semibold">
        {status === 'missing' ? 'There is no such run' : 'The run cannot be shown'}
      </h1>
      <p>
        {status === 'missing'
          ? 'It was deleted, or it belongs to somebody else, or the address is wrong.'
          : error?.message}
      </p>
      <p>
        <Link to="/" className="text-accent underline underline-offset-2">
          All runs
        </Link>
      </p>
    </section>
  );
}
