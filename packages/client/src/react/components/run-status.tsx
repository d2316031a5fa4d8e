import type { ReactNode } from 'react';
import { type AnyStatus, StatusIcon, toneOf } from './status-icon.tsx';

export interface RunStatusProps {
  status: AnyStatus;
  /** the finer word: waiting, pausing, cancelling, failing */
  detail?: string | undefined;
}

/** A status as a shape and a word; the colour only repeats what they say. */
export function RunStatus({ status, detail }: RunStatusProps): ReactNode {
  const shown = detail === 'waiting' ? 'waiting' : status;
  return (
    <span className={`mr-status mr-tone-${toneOf(shown)}`}>
      <StatusIcon status={shown} />
      <span>{wordOf(status)}</span>
      {detail !== undefined && <span className="mr-status-detail">· {detail}</span>}
    </span>
  );
}

/** `completed` → `Completed` */
export function wordOf(status: AnyStatus): string {
  return status.charAt(0).toUpperCase() + status.slice(1);
}
