import type { ControlView, RunView } from '@millrace/protocol/view';
import { type ReactNode, useState } from 'react';
import { durationText } from '../../present/duration.ts';
import { lookOf } from '../../present/status.ts';
import { type TimelineRow, timelineOf } from '../../present/timeline.ts';
import { Bar } from './bar.tsx';
import { StatusIcon } from './status-icon.tsx';
import { hasNote, WaitNote, type WaitNoteProps } from './wait-note.tsx';

const BRIEF = 12;

export interface StepTimelineProps extends Pick<WaitNoteProps, 'timeText' | 'runLink'> {
  view: RunView;
  /** ms since the epoch; the time of the last event while the connection is away */
  now: number;
}

/**
 * What happened when: every node with its steps and waits, each with its place in the run's time. A long list is
 * folded to what needs a look.
 */
export function StepTimeline({ view, now, timeText, runLink }: StepTimelineProps): ReactNode {
  const [isWhole, setWhole] = useState(false);
  const { rows } = timelineOf(view, now);
  const shown = isWhole ? rows : briefOf(rows);
  return (
    <>
      <ol className="mr-steps" aria-label="Steps">
        {shown.map((row) => (
          <Row key={row.key} row={row} view={view} now={now} timeText={timeText} runLink={runLink} />
        ))}
      </ol>
      {rows.length > BRIEF && (
        <button type="button" className="mr-link" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show all ${rows.length.toLocaleString('en')}`}
        </button>
      )}
    </>
  );
}

/** Of a long list the rows that run, wait or failed, the nodes, and the newest steps, in their order. */
export function briefOf(rows: readonly TimelineRow[]): readonly TimelineRow[] {
  if (rows.length <= BRIEF) return rows;
  const rank = ({ status, kind }: TimelineRow): number => {
    if (['running', 'failed', 'waiting', 'retrying', 'open', 'timed_out'].includes(status)) return 0;
    return kind === 'node' ? 1 : 2;
  };
  const byRank = Map.groupBy(rows, rank);
  const steps = byRank.get(2)?.toReversed() ?? [];
  const kept = new Set([...(byRank.get(0)?.slice(-BRIEF) ?? []), ...(byRank.get(1) ?? []), ...steps].slice(0, BRIEF));
  return rows.filter((row) => kept.has(row));
}

function Row({ row, view, now, timeText, runLink }: StepTimelineProps & { row: TimelineRow }): ReactNode {
  const { key, kind, label, status, startedAt, endedAt, left, width } = row;
  const { word, tone } = lookOf(status);
  const { note, error, stepKey } = about(view.control, row);
  const wait = kind === 'wait' ? view.control.waits[key.slice(key.indexOf('/#') + 2)] : undefined;
  const progress = status === 'running' ? view.content.progresses[key] : undefined;
  return (
    <li className={kind === 'node' ? 'mr-step mr-step-node' : 'mr-step'}>
      <span className={`mr-tone-${tone} mr-step-icon`}>
        <StatusIcon status={status} />
      </span>
      <span className={stepKey === undefined ? 'mr-step-name' : 'mr-step-name mr-step-key'} title={label}>
        <bdi>{stepKey ?? label}</bdi>
        <span className="mr-sr-only">, {word}</span>
        {note !== undefined && <span className="mr-step-note"> {note}</span>}
      </span>
      <span className="mr-step-time">
        {startedAt === undefined ? word : durationText((endedAt ?? Math.max(now, startedAt)) - startedAt)}
      </span>
      {startedAt !== undefined && progress === undefined && (
        <span className={`mr-tone-${tone} mr-span`} aria-hidden="true">
          <span
            className="mr-span-fill"
            style={{ left: `min(${100 * left}%, 100% - 4px)`, width: `${100 * width}%` }}
          />
        </span>
      )}
      {progress !== undefined && (
        <span className="mr-step-more">
          <Bar label={`Progress of ${label}`} percent={progress.progress} />
          {progress.message !== undefined && <span className="mr-quiet">{progress.message}</span>}
        </span>
      )}
      {wait && hasNote(wait) && (
        <span className="mr-step-more mr-quiet">
          <WaitNote wait={wait} timeText={timeText} runLink={runLink} />
        </span>
      )}
      {error !== undefined && <span className="mr-step-more mr-error">{error}</span>}
    </li>
  );
}

interface About {
  note?: string | undefined;
  error?: string | undefined;
  /** many steps share their name; the key tells them apart, its end most of all */
  stepKey?: string | undefined;
}

/** What else is worth a word: attempts, lost workers, items, reuse, and what went wrong. */
function about({ nodes }: ControlView, { key, kind }: TimelineRow): About {
  const slash = key.indexOf('/');
  const node = nodes[slash < 0 ? key : key.slice(0, slash)];
  if (!node || kind === 'wait') return {};
  if (kind === 'step') {
    const step = node.steps[key.slice(slash + 1)];
    const earlier = step && step.attempt < node.attempt ? `from attempt ${step.attempt}` : undefined;
    return { note: step?.reused ? 'reused' : earlier, error: step?.error?.message, stepKey: step?.key };
  }
  // What an earlier attempt failed with is no news of the one that runs.
  const isTrying = node.status === 'running' || node.status === 'waiting' || node.status === 'queued';
  const notes = [
    node.attempt > 1 && `attempt ${node.attempt}`,
    node.lost > 0 && `${node.lost === 1 ? 'worker' : `${node.lost} workers`} lost`,
    node.items && `${node.items.count - node.items.open} of ${node.items.count} items`,
    node.reused && 'reused',
    node.reason,
  ];
  return { note: notes.filter(Boolean).join(', ') || undefined, error: isTrying ? undefined : node.error?.message };
}
