import type { RunSnapshot } from '@millrace/client';
import { costText, durationText } from '@millrace/client/present';
import { RunStatus } from '@millrace/client/react';
import type { ControlView, RunSummary } from '@millrace/protocol/view';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { CopyButton } from './copy-button.tsx';
import { RunLineage } from './run-lineage.tsx';
import { momentText } from './time-text.ts';

export interface RunHeaderProps {
  run: RunSummary;
  lineage: ControlView['lineage'];
  continuity: RunSnapshot['continuity'];
  /** ms since the epoch; stands still while what is shown may be out of date */
  now: number;
}

const continuities: Record<RunSnapshot['continuity'], { word: string; meaning: string; look: string }> = {
  complete: { word: 'Complete', meaning: 'Nothing of the log is missing here.', look: 'text-muted' },
  repaired: {
    word: 'Repaired',
    meaning: 'A stretch of the log came as its outcome, not event by event.',
    look: 'text-warn',
  },
  gap: { word: 'Gap', meaning: 'Events are missing right now; they are being asked for.', look: 'text-bad' },
};

/** What the run is, how it stands, since when, and whether what is shown is whole. */
export function RunHeader({ run, lineage, continuity, now }: RunHeaderProps): ReactNode {
  const { id, workflow, status, detail, createdAt, startedAt, endedAt, cost, owner, seq } = run;
  const { word, meaning, look } = continuities[continuity];
  return (
    <div className="grid gap-2">
      <nav aria-label="Breadcrumb" className="text-muted">
        <Link to="/" className="underline underline-offset-2 hover:text-ink">
          Runs
        </Link>{' '}
        / <span className="font-mono text-[0.9em]">{id.slice(-8)}</span>
      </nav>
      <div className="flex flex-wrap items-baseline gap-x-4 gap-y-1">
        <h1 className="text-2xl font-semibold">{workflow}</h1>
        <span role="status" className="text-lg">
          <RunStatus status={status} detail={detail} />
        </span>
      </div>
      <dl className="mr-facts">
        <div>
          <dt>{endedAt === undefined ? 'Running for' : 'Took'}</dt>
          <dd>{startedAt === undefined ? 'not started' : durationText((endedAt ?? now) - startedAt)}</dd>
        </div>
        <div>
          <dt>Created</dt>
          <dd>{momentText(createdAt, now)}</dd>
        </div>
        <RunLineage lineage={lineage} />
        {owner !== undefined && (
          <div>
            <dt>By</dt>
            <dd>{owner}</dd>
          </div>
        )}
        {cost !== undefined && (
          <div>
            <dt>Cost</dt>
            <dd>{costText(cost)}</dd>
          </div>
        )}
        <div>
          <dt>Log</dt>
          <dd>
            {seq.toLocaleString('en')} events,{' '}
            <abbr className={`no-underline ${look}`} title={meaning}>
              {word.toLowerCase()}
            </abbr>
            {continuity !== 'complete' && <span className="sr-only"> {meaning}</span>}
          </dd>
        </div>
        <div className="min-w-0">
          <dt>Id</dt>
          <dd className="flex min-w-0 items-baseline gap-2">
            <span className="truncate font-mono text-[0.88em]">{id}</span>
            <CopyButton text={id} label="Copy the run's id" />
          </dd>
        </div>
      </dl>
    </div>
  );
}
