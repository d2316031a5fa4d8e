import { JsonBlock } from '@millrace/client/react';
import type { ControlView } from '@millrace/protocol/view';
import type { ReactNode } from 'react';
import { Panel } from './panel.tsx';

/** What the run was given and what came out. */
export function InputOutput({ input, output }: Pick<ControlView, 'input' | 'output'>): ReactNode {
  return (
    <Panel title="Input and output">
      <div className="grid gap-3">
        <JsonBlock label="Input" value={input} />
        {output !== undefined && <JsonBlock label="Output" value={output} />}
      </div>
    </Panel>
  );
}
