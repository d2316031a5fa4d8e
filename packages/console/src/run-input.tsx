import { JsonField } from '@millrace/client/react';
import type { WorkflowDefinition } from '@millrace/protocol/command';
import type { Json } from '@millrace/protocol/json';
import { type ReactNode, useState } from 'react';
import { InputForm } from './input-form.tsx';
import { useStartRun } from './start-run.ts';

const none: [] = [];

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
        <JsonField
          label="Input (JSON)"
          help={schema === undefined ? 'This workflow takes any JSON.' : 'The server checks it.'}
          initial={value ?? null}
          onChange={setValue}
        />
      ) : (
        <InputForm schema={schema} value={value ?? null} issues={none} isDisabled={false} onChange={setValue} />
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
