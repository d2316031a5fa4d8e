import type { RunSnapshot } from '@millrace/client';
import { costText, durationText, shownStatus } from '@millrace/client/present';
import { RunStatus } from '@millrace/client/react';
import type { ControlView, RunSummary } from '@millrace/protocol/view';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { ContinuityNote } from './continuity-note.tsx';
import { CopyButton } from './copy-button.tsx';
import { RunLineage } from './run-lineage.tsx';
import { momentText } from './time-text.ts';

export interface RunHeaderProps {
  run: RunSummary;
  lineage: ControlView['lineage'];
  continuity: RunSnapshot['continuity'];
  /** commands that the log does not tell of yet: the status shows what they will do */
  pending: RunSnapshot['pending'];
  /** ms since the epoch; stands still while what is shown may be out of date */
  now: number;
}

/** What the run is, how it stands, since when, and whether what is shown is whole. */
export function RunHeader({ run, lineage, continuity, pending, now }: RunHeaderProps): ReactNode {
  const { status, detail } = shownStatus(run, pending);
  const { id, workflow, createdAt, startedAt, endedAt, cost, owner, seq } = run;
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
            {seq.toLocaleString('en')} events, <ContinuityNote continuity={continuity} />
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
