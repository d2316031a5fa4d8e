import type { JsonSchema } from '@jsonforms/core';
import { JsonForms } from '@jsonforms/react';
import { vanillaCells, vanillaRenderers } from '@jsonforms/vanilla-renderers';
import type { Json } from '@millrace/protocol/json';
import type { ReactNode } from 'react';

export interface StartFormProps {
  /** JSON Schema of the run's input */
  schema: Json;
  value: Json;
  onChange(value: Json): void;
}

/** The fields of a workflow's input. The server checks it: compiling a schema here would need eval. */
export default function StartForm({ schema, value, onChange }: StartFormProps): ReactNode {
  return (
    <div className="start-form">
      <JsonForms
        schema={schema as JsonSchema}
        data={value}
        renderers={vanillaRenderers}
        cells={vanillaCells}
        validationMode="NoValidation"
        config={{ showUnfocusedDescription: true }}
        onChange={({ data }) => onChange(data as Json)}
      />
    </div>
  );
}
