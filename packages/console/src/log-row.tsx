import type { LogLine } from '@millrace/protocol/view';
import { memo, type ReactNode } from 'react';
import { timeText } from './time-text.ts';

const looks = { debug: 'text-muted', info: 'text-ink', warning: 'text-warn', error: 'text-bad' } as const;

/** One log line, as text: time, level, the node that wrote it, the message. */
export const LogRow = memo(function LogRow({ line }: { line: LogLine }): ReactNode {
  const { at, level, node, message, metadata, superseded } = line;
  return (
    <div
      className={`flex gap-2.5 px-3 max-sm:gap-2 max-sm:px-2 py-px font-mono text-[0.82rem] leading-[1.35rem] ${superseded ? 'text-muted line-through' : ''}`}
    >
      <time className="shrink-0 text-muted" dateTime={new Date(at).toISOString()}>
        {timeText(at)}
      </time>
      <span className={`w-14 shrink-0 ${looks[level]}`}>{level}</span>
      {node !== undefined && <span className="w-20 shrink-0 truncate text-muted max-sm:hidden">{node}</span>}
      <span className={`min-w-0 whitespace-pre-wrap break-words ${level === 'error' ? 'text-bad' : ''}`}>
        {superseded && <span className="sr-only">Superseded: </span>}
        {message}
        {metadata !== undefined && <span className="text-muted"> {JSON.stringify(metadata)}</span>}
      </span>
    </div>
  );
});
