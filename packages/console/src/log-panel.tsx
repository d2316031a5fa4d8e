import type { ContentView, ControlView } from '@millrace/protocol/view';
import { memo, type ReactNode } from 'react';
import { LogLines } from './log-lines.tsx';
import { useLogHistory } from './use-log-history.ts';

export interface LogPanelProps {
  run: string;
  logs: ContentView['logs'];
  nodes: ControlView['nodes'];
  showSuperseded: boolean;
}

/** A run's log: the newest lines, and the earlier ones for whoever scrolls up to them. */
export const LogPanel = memo(function LogPanel({ run, logs, nodes, showSuperseded }: LogPanelProps): ReactNode {
  const pages = useLogHistory(run, logs, nodes);
  return <LogLines {...pages} total={logs.total} showSuperseded={showSuperseded} />;
});
