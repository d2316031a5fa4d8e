import { isStale, useConnection, useRuns } from '@millrace/client/react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { ContinuityNote } from './continuity-note.tsx';
import { FirstVisit } from './first-visit.tsx';
import { useNow } from './now.ts';
import { type RunsSearch, STATUSES } from './runs-search.ts';
import { RunsTable } from './runs-table.tsx';
import { useStartRun } from './start-run.ts';
import { useWorkflows } from './workflows.ts';

const LIMIT = 100;

/** All runs that you may see, live. */
export function RunsPage(): ReactNode {
  const search = useSearch({ from: '/' });
  const { state } = useConnection();
  const query = useMemo(() => ({ ...search, status: search.status && [search.status], limit: LIMIT }), [search]);
  const { rows, total, status, continuity, error } = useRuns(query);
  const workflows = useWorkflows();
  const start = useStartRun();
  const now = useNow(!isStale(state) && rows.some((row) => row.endedAt === undefined));
  const isFiltered = search.status !== undefined || search.workflow !== undefined;
  const demo = workflows.data?.find((workflow) => workflow.example !== undefined);
  if (status === 'ready' && total === 0 && !isFiltered) {
    return (
      <>
        <h1 className="sr-only">Runs</h1>
        {!workflows.isPending && (
          <FirstVisit
            demo={demo}
            hasWorkflows={(workflows.data?.length ?? 0) > 0}
            isStarting={start.isPending}
            problem={start.error?.message}
            onStart={() => demo && start.mutate({ workflow: demo.name, input: demo.example ?? null })}
          />
        )}
      </>
    );
  }
  return (
    <div className="grid gap-4">
      <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
        <h1 className="text-xl font-semibold">Runs</h1>
        <Filters search={search} workflows={workflows.data?.map(({ name }) => name) ?? []} />
        <span className="ml-auto text-muted tabular-nums">
          {status === 'ready' &&
            (total > rows.length ? `${rows.length} of ${total}` : `${total} ${total === 1 ? 'run' : 'runs'}`)}
          {status === 'ready' && continuity !== 'complete' && (
            <>
              , <ContinuityNote continuity={continuity} />
            </>
          )}
        </span>
      </div>
      {status === 'loading' && <p className="text-muted">Loading the runs…</p>}
      {status === 'error' && (
        <p role="alert" className="text-bad">
          The runs cannot be listed: {error?.message}
        </p>
      )}
      {status === 'ready' && rows.length === 0 && <p className="text-muted">No run matches these filters.</p>}
      {rows.length > 0 && <RunsTable rows={rows} now={now} />}
    </div>
  );
}

function Filters({ search, workflows }: { search: RunsSearch; workflows: readonly string[] }): ReactNode {
  const navigate = useNavigate({ from: '/' });
  const go = (change: { [K in keyof RunsSearch]: RunsSearch[K] | undefined }): void => {
    navigate({ search: { ...search, ...change } }).catch(() => {});
  };
  return (
    <>
      <label className="flex items-center gap-2">
        Status
        <select
          className="mr-input w-auto"
          value={search.status ?? ''}
          onChange={({ target }) => go({ status: STATUSES.find((status) => status === target.value) })}
        >
          <option value="">All</option>
          {STATUSES.map((status) => (
            <option key={status}>{status}</option>
          ))}
        </select>
      </label>
      <label className="flex items-center gap-2">
        Workflow
        <select
          className="mr-input w-auto"
          value={search.workflow ?? ''}
          onChange={({ target }) => go({ workflow: target.value || undefined })}
        >
          <option value="">All</option>
          {[...new Set([...workflows, ...(search.workflow === undefined ? [] : [search.workflow])])].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
    </>
  );
}
