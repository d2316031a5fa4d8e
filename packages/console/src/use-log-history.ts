import {
  isJoined,
  type LogHistory,
  markSuperseded,
  moveOn,
  newestOnly,
  readNewer,
  readOlder,
  shownLines,
  withNewer,
  withOlder,
} from '@millrace/client/present';
import { useClient } from '@millrace/client/react';
import type { ContentView, ControlView, LogLine } from '@millrace/protocol/view';
import { useMutation } from '@tanstack/react-query';
import { useMemo, useState } from 'react';

export interface LogPages {
  lines: readonly LogLine[];
  /** there are lines before the first, or after the last one shown */
  hasOlder: boolean;
  hasNewer: boolean;
  isLoading: boolean;
  problem: string | undefined;
  loadOlder(): void;
  loadNewer(): void;
  /** Leaves the past and shows the newest lines again. */
  toNewest(): void;
}

/** A run's log lines: those of the view, those that were seen before them, and on demand a stretch of earlier ones. */
export function useLogHistory(run: string, logs: ContentView['logs'], nodes: ControlView['nodes']): LogPages {
  const newest = logs.lines;
  const client = useClient();
  const [history, setHistory] = useState<LogHistory>(() => newestOnly(newest));
  const current = history.newest === newest ? history : moveOn(history, newest);
  if (current !== history) setHistory(current);
  const range = (from: number, through: number) => client.run(run).history(from, through);
  const older = useMutation({
    mutationFn: (before: LogHistory) => readOlder(before, range),
    onSuccess: ({ lines, from }, before) =>
      setHistory((now) => (now.from === before.from ? withOlder(now, lines, from) : now)),
  });
  const newer = useMutation({
    mutationFn: (before: LogHistory) => readNewer(before, range),
    onSuccess: ({ lines, through }, before) =>
      setHistory((now) => (now.through === before.through ? withNewer(now, lines, through) : now)),
  });
  const lines = useMemo(() => markSuperseded(shownLines(current), nodes), [current, nodes]);
  const isLoading = older.isPending || newer.isPending;
  return {
    lines,
    hasOlder: current.from > 1 && logs.total > newest.length,
    hasNewer: !isJoined(current),
    isLoading,
    problem: (older.error ?? newer.error)?.message,
    loadOlder: () => {
      if (!isLoading) older.mutate(current);
    },
    loadNewer: () => {
      if (!isLoading) newer.mutate(current);
    },
    toNewest: () => setHistory(newestOnly(newest)),
  };
}
