import type { InboxItem } from '@millrace/client';
import { agoText } from '@millrace/client/present';
import { isStale, useConnection, useInbox } from '@millrace/client/react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { ContinuityNote } from './continuity-note.tsx';
import { useNow } from './now.ts';
import { momentText } from './time-text.ts';

/** What runs ask of people, oldest first, live; each leads to its run, where it is answered. */
export function InboxPage(): ReactNode {
  const { status, value, continuity, error } = useInbox();
  const { state } = useConnection();
  const now = useNow(!isStale(state) && value.length > 0);
  return (
    <div className="grid gap-4">
      <div className="flex flex-wrap items-baseline gap-x-4">
        <h1 className="text-xl font-semibold">Inbox</h1>
        {continuity !== 'complete' && <ContinuityNote continuity={continuity} />}
      </div>
      {status === 'loading' && <p className="text-muted">Loading what is asked…</p>}
      {error && (
        <p role="alert" className="text-bad">
          The inbox cannot be read: {error.message}
        </p>
      )}
      {status === 'ready' && value.length === 0 && (
        <p className="text-muted">
          Nothing is asked of anybody. A run that waits for an approval or an input shows here.
        </p>
      )}
      {value.length > 0 && (
        <ul className="divide-y divide-line rounded-lg border border-line bg-surface">
          {value.map((item) => (
            <Item key={`${item.run} ${item.id}`} item={item} now={now} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Item({ item, now }: { item: InboxItem; now: number }): ReactNode {
  const { run, id, kind, title, workflow, requestedAt, timeoutAt, to } = item;
  const facts = [
    kind === 'approval' ? 'Approval' : 'Input',
    workflow,
    agoText(requestedAt, now),
    timeoutAt === undefined ? undefined : `answer by ${momentText(timeoutAt, now)}`,
    to === undefined ? undefined : `asks ${to}`,
  ].filter((fact) => fact !== undefined);
  return (
    <li className="relative grid gap-0.5 px-4 py-3 hover:bg-bg">
      <Link
        to="/runs/$id"
        params={{ id: run }}
        className="font-medium wrap-anywhere text-ink after:absolute after:inset-0 hover:underline"
        title={id}
      >
        {title}
      </Link>
      <span className="text-muted">{facts.join(' · ')}</span>
    </li>
  );
}
