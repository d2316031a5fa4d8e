import type { ControlView } from '@millrace/protocol/view';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { moveOf, type Pending } from '../../present/pending.ts';
import { type RunAction, runActions } from '../../present/run-actions.ts';
import { PendingNote } from './pending-note.tsx';
import { refusalText, useSending } from './sending.ts';

export interface RunCommandsProps<P extends Pending = Pending> {
  control: Pick<ControlView, 'status' | 'statusSeq' | 'endedAt' | 'counts' | 'external'>;
  /** Pauses, resumes, cancels or retries. What it rejects with is shown. */
  onAction(action: RunAction): Promise<unknown>;
  /** the run's commands that its log does not tell of yet, as its snapshot has them */
  pending?: readonly P[];
  /** the last one that was not taken, as the snapshot has it: shown also to who comes back to the page */
  refused?: { command: { type: string }; error: Error } | undefined;
  /** ms since the epoch, running on while a command waits */
  now?: number;
  onKeep?(pending: P): void;
  onTakeBack?(pending: P): void;
}

/**
 * What a person can ask of a run. A button is off where the run's state does not allow it, and after it was pressed until
 * the run's log tells of a new state: nothing is shown as done before it is. What waits for the connection says so.
 */
export function RunCommands<P extends Pending>(props: RunCommandsProps<P>): ReactNode {
  const { control } = props;
  if (control.endedAt !== undefined && control.external) return null;
  return <Buttons key={control.statusSeq} {...props} />;
}

const labels: Record<RunAction, string> = {
  pause: 'Pause',
  resume: 'Resume',
  cancel: 'Cancel',
  'retry-failed': 'Retry from failed',
  'retry-start': 'Retry from start',
};

function Buttons<P extends Pending>({
  control,
  onAction,
  pending = [],
  refused,
  now = 0,
  onKeep = () => {},
  onTakeBack = () => {},
}: RunCommandsProps<P>): ReactNode {
  const [isAsking, setAsking] = useState(false);
  const [last, setLast] = useState<RunAction>('pause');
  const cancel = useRef<HTMLButtonElement>(null);
  const { sending, isOff: isSent, send } = useSending();
  const move = moveOf(pending);
  const isOff = isSent || move !== undefined;
  const earlier = refused && refused.command.type in labels ? (refused.command.type as RunAction) : undefined;
  const allowed = runActions(control);
  const ask = (action: RunAction): void => {
    setLast(action);
    setAsking(false);
    send(() => onAction(action));
  };
  const keep = (): void => {
    setAsking(false);
    cancel.current?.focus();
  };
  const button = (action: RunAction, look = ''): ReactNode => (
    <button
      key={action}
      type="button"
      className={`mr-button ${look}`}
      disabled={isOff || !allowed.has(action)}
      onClick={() => ask(action)}
    >
      {labels[action]}
    </button>
  );
  const hasEnded = allowed.has('retry-start');
  return (
    <section className="mr-commands" aria-label="Commands">
      <div className="mr-buttons">
        {hasEnded ? (
          <>
            {allowed.has('retry-failed') && button('retry-failed', 'mr-button-main')}
            {button('retry-start')}
          </>
        ) : (
          <>
            {control.status === 'paused' ? button('resume', 'mr-button-main') : button('pause')}
            <button
              ref={cancel}
              type="button"
              className="mr-button mr-button-bad"
              aria-expanded={isAsking}
              disabled={isOff || !allowed.has('cancel')}
              onClick={() => setAsking(true)}
            >
              {labels.cancel}
            </button>
          </>
        )}
      </div>
      {isAsking && <Confirm onCancel={() => ask('cancel')} onKeep={keep} />}
      {move ? (
        <PendingNote pending={move} now={now} onKeep={() => onKeep(move)} onTakeBack={() => onTakeBack(move)} />
      ) : (
        <p role="status" className="mr-quiet" hidden={!isSent}>
          {isSent ? `${labels[last]}: ${sending.state === 'sending' ? 'sending…' : 'sent'}` : ''}
        </p>
      )}
      {sending.state === 'refused' ? (
        <p role="alert" className="mr-error">
          {refusalText(labels[last], sending.error)}
        </p>
      ) : (
        earlier &&
        refused && (
          <p role="alert" className="mr-error">
            {refusalText(labels[earlier], refused.error)}
          </p>
        )
      )}
    </section>
  );
}

/** Cancelling cannot be undone, so it takes a second press, with the harmless answer under the finger. */
function Confirm({ onCancel, onKeep }: { onCancel(): void; onKeep(): void }): ReactNode {
  const harmless = useRef<HTMLButtonElement>(null);
  useEffect(() => harmless.current?.focus(), []);
  return (
    <div
      className="mr-confirm"
      role="alertdialog"
      aria-label="Cancel this run?"
      onKeyDown={({ key }) => key === 'Escape' && onKeep()}
    >
      <p>Cancel this run? What runs is stopped, and a cancelled run does not go on again.</p>
      <div className="mr-buttons">
        <button type="button" className="mr-button" ref={harmless} onClick={onKeep}>
          Keep it
        </button>
        <button type="button" className="mr-button mr-button-bad" onClick={onCancel}>
          Cancel the run
        </button>
      </div>
    </div>
  );
}
