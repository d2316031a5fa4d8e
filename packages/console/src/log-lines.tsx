import { logWindow } from '@millrace/client/present';
import type { LogLevel } from '@millrace/protocol/event';
import type { LogLine } from '@millrace/protocol/view';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { LogRow } from './log-row.tsx';
import type { LogPages } from './use-log-history.ts';

export interface LogLinesProps extends Omit<LogPages, 'lines'> {
  /** oldest first */
  lines: readonly LogLine[];
  /** how many the run has written, shown or not */
  total: number;
  showSuperseded: boolean;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warning', 'error'];
const levelsFrom = (least: LogLevel): readonly LogLevel[] => levels.slice(levels.indexOf(least));
/** px from the end within which the reader still counts as being at the end, and within which more lines are read */
const NEAR = 24;
const READ_AHEAD = 200;
/** What scrolls must be reachable by keyboard. */
const scrolling = { tabIndex: 0 };

/**
 * A run's log lines: only those on screen are in the page; it follows the newest until the reader scrolls away, and reads
 * on at the end towards which the reader scrolls.
 */
export function LogLines(props: LogLinesProps): ReactNode {
  const { lines, total, showSuperseded, hasOlder, hasNewer, isLoading, problem } = props;
  const [least, setLeast] = useState<LogLevel>('debug');
  const [follows, setFollows] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const shown = logWindow(lines, { levels: levelsFrom(least), superseded: showSuperseded });
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => box.current,
    estimateSize: () => 22,
    getItemKey: (index) => shown[index]?.seq ?? index,
    overscan: 12,
    anchorTo: 'end',
    initialRect: { width: 600, height: 320 },
  });
  const last = shown.at(-1)?.seq;
  useEffect(() => {
    if (follows && last !== undefined) rows.scrollToEnd();
  }, [follows, last, rows]);
  const onScroll = (): void => {
    const at = box.current;
    if (!at) return;
    const below = at.scrollHeight - at.scrollTop - at.clientHeight;
    setFollows(below < NEAR && !hasNewer);
    if (below < READ_AHEAD && hasNewer) props.loadNewer();
    else if (at.scrollTop < READ_AHEAD && hasOlder) props.loadOlder();
  };
  const follow = (on: boolean): void => {
    setFollows(on);
    if (on && hasNewer) props.toNewest();
  };
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <label className="flex items-center gap-2">
          Level
          <select
            className="mr-input w-auto"
            value={least}
            onChange={(event) => setLeast(event.target.value as LogLevel)}
          >
            <option value="debug">All</option>
            <option value="info">Info and above</option>
            <option value="warning">Warnings and errors</option>
            <option value="error">Errors</option>
          </select>
        </label>
        <label className="flex items-center gap-2">
          <input type="checkbox" checked={follows} onChange={(event) => follow(event.target.checked)} />
          Follow
        </label>
        <span className="ml-auto flex flex-wrap gap-x-4 text-muted tabular-nums">
          {hasNewer && (
            <button type="button" className="mr-link" onClick={() => follow(true)}>
              To the newest lines
            </button>
          )}
          {hasOlder && (
            <button type="button" className="mr-link" disabled={isLoading} onClick={props.loadOlder}>
              {isLoading ? 'Loading…' : 'Load earlier lines'}
            </button>
          )}
          {problem !== undefined && <span className="text-bad">{problem}</span>}
          <span>{countText(shown.length, total, hasOlder || hasNewer)}</span>
        </span>
      </div>
      {shown.length === 0 ? (
        <p className="text-muted">{lines.length === 0 ? 'No log lines yet.' : 'No line of this level.'}</p>
      ) : (
        <div
          ref={box}
          className="max-h-96 overflow-auto rounded-md border border-line bg-bg"
          role="log"
          aria-live="off"
          aria-label="Log lines"
          {...scrolling}
          onScroll={onScroll}
        >
          <div className="relative" style={{ height: rows.getTotalSize() }}>
            {rows.getVirtualItems().map(({ index, key, start }) => {
              const line = shown[index];
              return (
                line && (
                  <div
                    key={key}
                    ref={rows.measureElement}
                    data-index={index}
                    className="absolute inset-x-0 top-0"
                    style={{ transform: `translateY(${start}px)` }}
                  >
                    <LogRow line={line} />
                  </div>
                )
              );
            })}
          </div>
        </div>
      )}
    </div>
  );
}

function countText(shown: number, total: number, isPart: boolean): string {
  const count = shown.toLocaleString('en');
  if (isPart) return `${count} of ${total.toLocaleString('en')} lines`;
  return shown === 1 ? '1 line' : `${count} lines`;
}
