import type { WaitView } from '@millrace/protocol/view';
import type { ReactNode } from 'react';

export interface WaitNoteProps {
  wait: WaitView;
  /** time of day as text */
  timeText(at: number): string;
  /** draws the way to another run; without it a run is named by the end of its id */
  runLink?: ((run: string, text: string) => ReactNode) | undefined;
}

export function hasNote({ sleep, child, status }: WaitView): boolean {
  return (sleep !== undefined && status === 'open') || Boolean(child?.run);
}

/** What a sleep or a child run needs said about it; approvals and inputs have their cards. */
export function WaitNote({ wait, timeText, runLink }: WaitNoteProps): ReactNode {
  const { sleep, child } = wait;
  if (sleep) return `sleeps until ${timeText(sleep.until)}`;
  if (!child?.run) return null;
  const text = `run ${child.run.slice(-8)}`;
  return (
    <>
      {runLink ? runLink(child.run, text) : text}
      {child.outcome !== undefined && child.outcome !== 'completed' && `, ${child.outcome}`}
    </>
  );
}
