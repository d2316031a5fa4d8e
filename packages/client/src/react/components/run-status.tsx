import type { ReactNode } from 'react';
import type { ShownDetail } from '../../present/pending.ts';
import { type AnyStatus, lookOf } from '../../present/status.ts';
import { StatusIcon } from './status-icon.tsx';

export interface RunStatusProps {
  /** of a run, node, step, document or tool call */
  status: AnyStatus;
  /** a run's finer word */
  detail?: ShownDetail | undefined;
  /** said behind it, e.g. the phase of a document */
  note?: string | undefined;
}

/** A status as a shape and a word; the colour only repeats what they say. */
export function RunStatus({ status, detail, note }: RunStatusProps): ReactNode {
  const { word, tone } = lookOf(status, detail);
  return (
    <span className={`mr-status mr-tone-${tone}`}>
      <StatusIcon status={detail === 'waiting' ? 'waiting' : status} />
      <span>{word}</span>
      {note !== undefined && <span className="mr-status-note">{note}</span>}
    </span>
  );
}
