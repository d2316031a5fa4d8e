import type { ReactNode } from 'react';
import { type Pending, pendingText } from '../../present/pending.ts';

/** What a person can do about a command that waits for the connection. */
export interface PendingActions {
  /** Has it sent however late the connection comes back. */
  onKeep(): void;
  onTakeBack(): void;
}

export interface PendingNoteProps extends PendingActions {
  pending: Pending;
  /** ms since the epoch, running on while something waits */
  now: number;
}

/** What becomes of a command that the log does not tell of yet; one that waits can be kept or taken back. */
export function PendingNote({ pending, now, onKeep, onTakeBack }: PendingNoteProps): ReactNode {
  const isQueued = pending.state === 'queued';
  return (
    <div className="mr-pending">
      {/* The seconds of the countdown are not announced: a screen reader would never fall silent. */}
      <p role="status" className="mr-quiet" aria-live={isQueued && pending.expiresAt !== undefined ? 'off' : 'polite'}>
        {pendingText(pending, now)}
      </p>
      {isQueued && (
        <span className="mr-buttons">
          {pending.expiresAt !== undefined && (
            <button type="button" className="mr-link" onClick={onKeep}>
              Send it however late
            </button>
          )}
          <button type="button" className="mr-link" onClick={onTakeBack}>
            Take it back
          </button>
        </span>
      )}
    </div>
  );
}
