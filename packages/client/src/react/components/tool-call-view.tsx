import type { ToolCall } from '@millrace/protocol/view';
import type { ReactNode } from 'react';
import { JsonBlock } from './json-block.tsx';
import { RunStatus } from './run-status.tsx';

/** One call of a tool by an agent: name, arguments in brief and state; opened, the arguments and the result. */
export function ToolCallView({ call }: { call: ToolCall }): ReactNode {
  return (
    <details className="mr-tool">
      <summary>
        <RunStatus status={call.status} />
        <span className="mr-tool-name">{call.name}</span>
        <span className="mr-tool-brief">{brief(call.arguments)}</span>
        {call.endedAt !== undefined && <span className="mr-quiet">{call.endedAt - call.startedAt} ms</span>}
      </summary>
      <div className="mr-tool-body">
        <JsonBlock label="Arguments" value={call.arguments} />
        {call.error !== undefined && <p className="mr-error">{call.error}</p>}
        {call.result !== undefined && <JsonBlock label="Result" value={call.result} />}
      </div>
    </details>
  );
}

function brief(value: ToolCall['arguments']): string {
  if (typeof value !== 'object' || value === null) return value === null ? '' : String(value);
  return Object.entries(value)
    .map(([key, part]) => `${key}: ${typeof part === 'string' ? part : JSON.stringify(part)}`)
    .join(', ')
    .slice(0, 200);
}
