import type { WorkflowDefinition } from '@millrace/protocol/command';
import type { Json } from '@millrace/protocol/json';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { JsonField } from './json-field.tsx';
import { useStartRun } from './start-run.ts';

const StartForm = lazy(() => import('./start-form.tsx'));

/** A workflow's input, as fields or as JSON, filled in with its example, and the button that starts it. */
export function RunInput({ workflow }: { workflow: WorkflowDefinition }): ReactNode {
  const { name, input: schema, example } = workflow;
  const [value, setValue] = useState<Json | undefined>(example ?? (schema === undefined ? null : {}));
  const [asJson, setAsJson] = useState(schema === undefined);
  const start = useStartRun();
  return (
    <form
      className="grid gap-5"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (value !== undefined) start.mutate({ workflow: name, input: value });
      }}
    >
      {asJson || schema === undefined ? (
        <JsonField initial={value ?? null} onChange={setValue} />
      ) : (
        <Suspense fallback={<p className="text-muted">Loading the form…</p>}>
          <StartForm schema={schema} value={value ?? null} onChange={setValue} />
        </Suspense>
      )}
      {start.error && (
        <p role="alert" className="text-bad">
          The run was not started: {start.error.message}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-4">
        <button type="submit" className="mr-button mr-button-main" disabled={start.isPending || value === undefined}>
          {start.isPending ? 'Starting…' : `Run ${name}`}
        </button>
        {schema !== undefined && (
          <button type="button" className="mr-link" disabled={value === undefined} onClick={() => setAsJson(!asJson)}>
            {asJson ? 'Edit as a form' : 'Edit as JSON'}
          </button>
        )}
      </div>
    </form>
  );
}
