import type { InputFormProps } from '@millrace/client/react';
import { lazy, type ReactNode, Suspense } from 'react';

const SchemaForm = lazy(() => import('./schema-form.tsx'));

/** The fields of a JSON Schema; the code that draws them is fetched when there are some to draw. */
export function InputForm(props: InputFormProps): ReactNode {
  return (
    <Suspense fallback={<p className="text-muted">Loading the form…</p>}>
      <SchemaForm {...props} />
    </Suspense>
  );
}
