import { useNavigate, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { RunInput } from './run-input.tsx';
import { useWorkflows } from './workflows.ts';

/** Chooses a workflow, fills in its input and starts it. */
export function StartPage(): ReactNode {
  const { data, error, isPending } = useWorkflows();
  const search = useSearch({ from: '/start' });
  const navigate = useNavigate({ from: '/start' });
  const chosen =
    data?.find(({ name }) => name === search.workflow) ??
    data?.find(({ example }) => example !== undefined) ??
    data?.[0];
  return (
    <div className="mx-auto grid max-w-2xl gap-5">
      <h1 className="text-xl font-semibold">Start a run</h1>
      {isPending && <p className="text-muted">Loading the workflows…</p>}
      {error && (
        <p role="alert" className="text-bad">
          The workflows cannot be listed: {error.message}
        </p>
      )}
      {data?.length === 0 && (
        <p>
          No workflow is registered. Start a worker that registers one, for example with{' '}
          <code className="font-mono">npx millrace dev FILE</code>.
        </p>
      )}
      {chosen && data && (
        <>
          <label className="grid gap-1">
            <span className="font-medium">Workflow</span>
            <select
              className="mr-input"
              value={chosen.name}
              onChange={({ target }) => {
                navigate({ search: { workflow: target.value } }).catch(() => {});
              }}
            >
              {data.map(({ name, title }) => (
                <option key={name} value={name}>
                  {title === undefined ? name : `${title} (${name})`}
                </option>
              ))}
            </select>
          </label>
          {chosen.description !== undefined && <p className="text-muted">{chosen.description}</p>}
          <RunInput key={chosen.name} workflow={chosen} />
        </>
      )}
    </div>
  );
}
