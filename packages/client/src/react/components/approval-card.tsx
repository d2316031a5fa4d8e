import type { WaitView } from '@millrace/protocol/view';
import { type ReactNode, useId, useState } from 'react';
import type { Pending } from '../../present/pending.ts';
import { Details } from './details.tsx';
import { PendingNote } from './pending-note.tsx';
import { useSending } from './sending.ts';

export interface ApprovalCardProps {
  /** a wait of kind `approval` */
  wait: WaitView;
  /** Sends the decision (`approved`, `rejected` or one of the options). What it rejects with is shown. */
  onDecide(decision: string, comment?: string): Promise<unknown>;
  /** time of day as text, for when it was asked and answered */
  timeText(at: number): string;
  /** the decision that is on its way, as the run's snapshot has it */
  pending?: Pending | undefined;
  onTakeBack?(pending: Pending): void;
}

/** A question to a person: what is asked, a comment, and the buttons. An answered one says who decided what. */
export function ApprovalCard(props: ApprovalCardProps): ReactNode {
  const { wait, timeText } = props;
  const title = useId();
  const approval = wait.approval;
  if (!approval) return null;
  const isOpen = wait.status === 'open';
  return (
    <section className={isOpen ? 'mr-approval' : 'mr-approval mr-approval-ended'} aria-labelledby={title}>
      <div>
        <h2 className="mr-approval-title" id={title}>
          {approval.title}
        </h2>
        <p className="mr-quiet">{isOpen ? asked(wait, timeText) : answered(wait, timeText)}</p>
      </div>
      {isOpen && approval.details !== undefined && <Details value={approval.details} />}
      {isOpen && <Decide key={wait.timeoutAt} {...props} options={approval.options ?? []} />}
      {!isOpen && approval.comment && <p>“{approval.comment}”</p>}
    </section>
  );
}

function asked(wait: WaitView, timeText: ApprovalCardProps['timeText']): string {
  const until = wait.timeoutAt === undefined ? '' : `, answer by ${timeText(wait.timeoutAt)}`;
  return `Waiting for a decision since ${timeText(wait.requestedAt)}${until}`;
}

function answered(wait: WaitView, timeText: ApprovalCardProps['timeText']): string {
  if (wait.status === 'cancelled') return 'The run ended before anybody decided.';
  const decision = (wait.approval?.decision ?? 'answered').replace('_', ' ');
  const by = wait.by === undefined ? '' : ` by ${wait.by.replace(/^user:/, '')}`;
  const at = wait.endedAt === undefined ? '' : `, ${timeText(wait.endedAt)}`;
  return `${decision.charAt(0).toUpperCase()}${decision.slice(1)}${by}${at}`;
}

function Decide({ options, onDecide, pending, onTakeBack }: ApprovalCardProps & { options: string[] }): ReactNode {
  const [comment, setComment] = useState('');
  const { sending, isOff: isSent, send } = useSending();
  const isOff = isSent || pending !== undefined;
  const decide = (decision: string): void =>
    send(() => onDecide(decision, comment.trim() === '' ? undefined : comment.trim()));
  const button = (decision: string, label: string, look: string): ReactNode => (
    <button
      key={decision}
      type="button"
      className={`mr-button ${look}`}
      disabled={isOff}
      onClick={() => decide(decision)}
    >
      {label}
    </button>
  );
  return (
    <>
      <label className="mr-label">
        Comment (optional)
        <textarea
          className="mr-input"
          rows={2}
          maxLength={4_000}
          value={comment}
          disabled={isOff}
          onChange={(event) => setComment(event.target.value)}
        />
      </label>
      <div className="mr-buttons">
        {button('approved', 'Approve', 'mr-button-main')}
        {options
          .filter((option) => option !== 'approved' && option !== 'rejected')
          .map((option) => button(option, option, ''))}
        {button('rejected', 'Reject', 'mr-button-bad')}
      </div>
      {pending ? (
        <PendingNote pending={pending} now={0} onKeep={() => {}} onTakeBack={() => onTakeBack?.(pending)} />
      ) : (
        <p role="status" className="mr-quiet" hidden={!isSent}>
          {sending.state === 'sending'
            ? 'Sending your decision…'
            : sending.state === 'sent'
              ? 'Sent. The run goes on with it.'
              : ''}
        </p>
      )}
      {sending.state === 'refused' && (
        <p role="alert" className="mr-error">
          The decision was not taken: {sending.error.message}
        </p>
      )}
    </>
  );
}
