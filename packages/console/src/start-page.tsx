import type { WorkflowDefinition } from '@millrace/protocol/command';
import type { Json } from '@millrace/protocol/json';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { JsonField } from './json-field.tsx';
import { useStartRun } from './start-run.ts';
import { useWorkflows } from './workflows.ts';

const StartForm = lazy(() => import('./start-form.tsx'));

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
          <Input key={chosen.name} workflow={chosen} />
        </>
      )}
    </div>
  );
}

function Input({ workflow }: { workflow: WorkflowDefinition }): ReactNode {
  const [value, setValue] = useState<Json | undefined>(workflow.example ?? (workflow.input === undefined ? null : {}));
  const start = useStartRun();
  return (
    <form
      className="grid gap-5"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (value !== undefined) start.mutate({ workflow: workflow.name, input: value });
      }}
    >
      {workflow.input === undefined ? (
        <JsonField initial={value ?? null} onChange={setValue} />
      ) : (
        <Suspense fallback={<p className="text-muted">Loading the form…</p>}>
          <StartForm schema={workflow.input} value={value ?? null} onChange={setValue} />
        </Suspense>
      )}
      {start.error && (
        <p role="alert" className="text-bad">
          The run was not started: {start.error.message}
        </p>
      )}
      <button
        type="submit"
        className="mr-button mr-button-main justify-self-start"
        disabled={start.isPending || value === undefined}
      >
        {start.isPending ? 'Starting…' : `Run ${workflow.name}`}
      </button>
    </form>
  );
}
