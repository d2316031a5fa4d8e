import type { LiveDocument } from '@millrace/client';
import { agoText, bytesText } from '@millrace/client/present';
import { Bar, isStale, RunStatus, useClient, useConnection, useKnowledgeBase } from '@millrace/client/react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { ContinuityNote } from './continuity-note.tsx';
import { useNow } from './now.ts';
import { RunLink } from './run-link.tsx';

const SECONDS = 1_000;

/** The knowledge bases that runs have told of, with what became of their documents. */
export function KnowledgePage(): ReactNode {
  const client = useClient();
  const { data, error, isPending } = useQuery({
    queryKey: ['knowledge'],
    queryFn: () => client.api.knowledgeBases(),
    refetchInterval: 5 * SECONDS,
  });
  return (
    <div className="grid gap-4">
      <h1 className="text-xl font-semibold">Knowledge bases</h1>
      {isPending && <p className="text-muted">Loading the knowledge bases…</p>}
      {error && (
        <p role="alert" className="text-bad">
          The knowledge bases cannot be listed: {error.message}
        </p>
      )}
      {data?.length === 0 && (
        <p className="text-muted">No run has told of a document yet. One that indexes documents shows here.</p>
      )}
      {data && data.length > 0 && (
        <ul className="divide-y divide-line rounded-lg border border-line bg-surface">
          {data.map(({ kbId, documents, chunks }) => (
            <li key={kbId} className="relative flex flex-wrap items-baseline gap-x-4 px-4 py-3 hover:bg-bg">
              <Link
                to="/knowledge/$id"
                params={{ id: kbId }}
                className="font-medium text-ink after:absolute after:inset-0 hover:underline"
              >
                {kbId}
              </Link>
              <span className="text-muted tabular-nums">
                {countsText(documents)}, {chunks.toLocaleString('en')} chunks
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function countsText({ completed, processing, failed }: Record<LiveDocument['status'], number>): string {
  const parts = [`${completed.toLocaleString('en')} documents`];
  if (processing > 0) parts.push(`${processing.toLocaleString('en')} in progress`);
  if (failed > 0) parts.push(`${failed.toLocaleString('en')} failed`);
  return parts.join(', ');
}

/** One knowledge base's documents, live, whichever runs process them. */
export function KnowledgeBasePage({ id }: { id: string }): ReactNode {
  const { status, value, continuity, error } = useKnowledgeBase(id);
  const { state } = useConnection();
  const now = useNow(!isStale(state) && value.some((document) => document.status === 'processing'));
  return (
    <div className="grid gap-4">
      <div className="flex flex-wrap items-baseline gap-x-4">
        <h1 className="text-xl font-semibold wrap-anywhere">{id}</h1>
        <span className="text-muted tabular-nums">{value.length.toLocaleString('en')} documents</span>
        {continuity !== 'complete' && <ContinuityNote continuity={continuity} />}
      </div>
      {status === 'loading' && <p className="text-muted">Loading the documents…</p>}
      {error && (
        <p role="alert" className="text-bad">
          The documents cannot be read: {error.message}
        </p>
      )}
      {status === 'ready' && value.length === 0 && <p className="text-muted">Nothing was ever told of it.</p>}
      {value.length > 0 && (
        <ul className="divide-y divide-line rounded-lg border border-line bg-surface">
          {value.map((document) => (
            <Document key={document.documentId} document={document} now={now} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Document({ document, now }: { document: LiveDocument; now: number }): ReactNode {
  const { fileName, status, phase, progress, chunks, bytes, error, at, run } = document;
  const facts = [
    bytes === undefined ? undefined : bytesText(bytes),
    chunks === undefined ? undefined : `${chunks.toLocaleString('en')} chunks`,
    agoText(at, now),
  ].filter((fact) => fact !== undefined);
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] items-baseline gap-x-4 gap-y-1 px-4 py-2.5">
      <span className="truncate font-medium" title={fileName}>
        {fileName}
      </span>
      <span className="justify-self-end">
        <RunStatus status={status} note={phase} />
      </span>
      <span className="text-muted">{facts.join(' · ')}</span>
      <span className="justify-self-end">
        <RunLink run={run} text="Run" />
      </span>
      {status === 'processing' && progress !== undefined && (
        <span className="col-span-2">
          <Bar label={`${fileName}, ${phase ?? 'started'}`} percent={progress} />
        </span>
      )}
      {error !== undefined && <span className="col-span-2 text-bad">{error}</span>}
    </li>
  );
}
