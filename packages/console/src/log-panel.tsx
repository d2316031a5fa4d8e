import type { ContentView } from '@millrace/protocol/view';
import { memo, type ReactNode } from 'react';
import { LogLines } from './log-lines.tsx';
import { useLogHistory } from './use-log-history.ts';

export interface LogPanelProps {
  run: string;
  logs: ContentView['logs'];
  showSuperseded: boolean;
}

/** A run's log: the newest lines, and the earlier ones for whoever asks for them. */
export const LogPanel = memo(function LogPanel({ run, logs, showSuperseded }: LogPanelProps): ReactNode {
  const { lines, isLoading, problem, loadEarlier } = useLogHistory(run, logs.lines);
  const missing = logs.total - lines.length;
  return (
    <LogLines
      lines={lines}
      showSuperseded={showSuperseded}
      earlier={
        missing > 0 && (
          <>
            <button type="button" className="mr-link" disabled={isLoading} onClick={loadEarlier}>
              {isLoading ? 'Loading…' : `Load ${missing.toLocaleString('en')} earlier lines`}
            </button>
            {problem !== undefined && <span className="text-bad"> {problem}</span>}
          </>
        )
      }
    />
  );
});
