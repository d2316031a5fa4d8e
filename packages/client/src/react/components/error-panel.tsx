import type { RunError } from '@millrace/protocol/event';
import type { ReactNode } from 'react';
import { JsonBlock } from './json-block.tsx';

/** Why a run failed: the message, where, and the stable code. */
export function ErrorPanel({ error }: { error: RunError }): ReactNode {
  return (
    <section className="mr-failure" aria-label="Error">
      <h2 className="mr-failure-title">
        {error.node === undefined ? 'The run failed' : `The run failed in ${error.node}`}
      </h2>
      <p className="mr-error">{error.message}</p>
      <p className="mr-quiet">
        <code>{error.code}</code>
      </p>
      {error.stack !== undefined && (
        <details>
          <summary className="mr-quiet">Stack</summary>
          <JsonBlock value={error.stack} />
        </details>
      )}
    </section>
  );
}
