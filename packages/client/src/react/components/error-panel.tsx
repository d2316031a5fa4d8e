import type { RunError } from '@millrace/protocol/event';
import type { ReactNode } from 'react';

/** Why a run failed: the message, where, and the stable code. */
export function ErrorPanel({ error }: { error: RunError }): ReactNode {
  return (
    <section className="mr-failure" aria-label="Error">
      <h3 className="mr-failure-title">
        {error.node === undefined ? 'The run failed' : `The run failed in ${error.node}`}
      </h3>
      <p className="mr-error">{error.message}</p>
      <p className="mr-quiet">
        <code>{error.code}</code>
      </p>
      {error.stack !== undefined && (
        <details>
          <summary className="mr-quiet">Stack</summary>
          <pre className="mr-json">{error.stack}</pre>
        </details>
      )}
    </section>
  );
}
