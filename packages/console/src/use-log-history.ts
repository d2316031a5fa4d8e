import { useClient } from '@millrace/client/react';
import type { LogLine } from '@millrace/protocol/view';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { type LogHistory, moveOn, readEarlier } from './log-history.ts';

const PAGE = 5_000;

/** A run's log lines: those of the view, those that were seen before them, and on demand all earlier ones. */
export function useLogHistory(run: string, newest: readonly LogLine[]) {
  const { api } = useClient();
  const [history, setHistory] = useState<LogHistory>({ earlier: [], newest });
  if (history.newest !== newest) setHistory(moveOn(history, newest));
  const lines = history.earlier.length === 0 ? newest : [...history.earlier, ...newest];
  const earlier = useMutation({
    mutationFn: (before: number) => readEarlier((after) => api.events(run, { after, limit: PAGE }), before),
    onSuccess: (read, before) =>
      setHistory((now) => ({ ...now, earlier: [...read, ...now.earlier.filter((line) => line.seq >= before)] })),
  });
  return {
    lines,
    isLoading: earlier.isPending,
    problem: earlier.error?.message,
    loadEarlier: () => earlier.mutate(lines[0]?.seq ?? 0),
  };
}
