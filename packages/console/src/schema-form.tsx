import type { JsonSchema } from '@jsonforms/core';
import { JsonForms } from '@jsonforms/react';
import { vanillaCells, vanillaRenderers } from '@jsonforms/vanilla-renderers';
import type { InputFormProps } from '@millrace/client/react';
import type { Json } from '@millrace/protocol/json';
import { type ComponentProps, type ReactNode, useMemo } from 'react';

type FieldError = NonNullable<ComponentProps<typeof JsonForms>['additionalErrors']>[number];

const WRAPPED = 'value';

/** The fields of a JSON Schema. The server checks what is sent: compiling a schema here would need eval. */
export default function SchemaForm({ schema, value, issues, isDisabled, onChange }: InputFormProps): ReactNode {
  const isWhole = isObject(schema) && schema.type === 'object';
  const shown = useMemo(() => (isWhole ? schema : wrap(schema)) as JsonSchema, [schema, isWhole]);
  const errors = useMemo(
    () => issues.map(({ path, message }) => errorAt(isWhole ? path : WRAPPED, message)),
    [issues, isWhole],
  );
  const data = useMemo(() => (isWhole ? value : { [WRAPPED]: value }), [value, isWhole]);
  return (
    <div className="schema-form">
      <JsonForms
        schema={shown}
        data={data}
        renderers={vanillaRenderers}
        cells={vanillaCells}
        validationMode="NoValidation"
        additionalErrors={errors}
        readonly={isDisabled}
        config={{ showUnfocusedDescription: true }}
        onChange={(next) => onChange(isWhole ? (next.data as Json) : (next.data as { [WRAPPED]?: Json })[WRAPPED])}
      />
    </div>
  );
}

/** JSON Forms draws the parts of an object: any other value becomes one. */
function wrap(schema: Json): Json {
  return { type: 'object', properties: { [WRAPPED]: isObject(schema) ? { title: 'Answer', ...schema } : {} } };
}

function errorAt(path: string, message: string): FieldError {
  const instancePath = path === '' ? '' : `/${path.replaceAll('.', '/')}`;
  return { instancePath, message, keyword: '', schemaPath: '', params: {} };
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
