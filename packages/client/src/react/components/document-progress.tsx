import type { ContentView, DocumentView } from '@millrace/protocol/view';
import { memo, type ReactNode } from 'react';
import { bytesText } from '../../present/amount.ts';
import { Bar } from './bar.tsx';
import { RunStatus } from './run-status.tsx';
import { scrolling } from './scrolling.ts';

export interface DocumentProgressProps {
  documents: ContentView['documents'];
  /** all that were ever told of; more than `documents` holds when there are very many */
  total: number;
}

const order = { failed: 0, processing: 1, completed: 2 };

/** How far a knowledge base has taken in its documents: all together, then each; what needs a look comes first. */
export const DocumentProgress = memo(function DocumentProgress(props: DocumentProgressProps): ReactNode {
  const { documents, total } = props;
  const present = Object.values(documents).filter((document) => !document.superseded);
  const count = (status: DocumentView['status']): number => present.filter((one) => one.status === status).length;
  const [done, failed] = [count('completed'), count('failed')];
  const chunks = present.reduce((sum, document) => sum + (document.chunks ?? 0), 0);
  const sorted = present.toSorted((a, b) => order[a.status] - order[b.status]);
  return (
    <div>
      <dl className="mr-facts">
        <Fact name="Indexed" value={`${number(done)} of ${number(present.length)}`} />
        <Fact name="Chunks" value={number(chunks)} />
        {failed > 0 && <Fact name="Failed" value={number(failed)} />}
        {total > present.length && <Fact name="Not shown" value={number(total - present.length)} />}
      </dl>
      <Bar label="Documents indexed" percent={present.length === 0 ? 0 : (100 * (done + failed)) / present.length} />
      <ul className="mr-documents" {...scrolling} aria-label="Documents">
        {sorted.map((document) => (
          <Document key={`${document.kbId}/${document.documentId}`} document={document} />
        ))}
      </ul>
    </div>
  );
});

function Fact({ name, value }: { name: string; value: string }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const Document = memo(function Document({ document }: { document: DocumentView }): ReactNode {
  const { fileName, status, phase, progress, chunks, bytes, error } = document;
  const done = chunks === undefined ? '' : `${number(chunks)} chunks`;
  return (
    <li className="mr-document">
      <span className="mr-document-name" title={bytes === undefined ? fileName : `${fileName}, ${bytesText(bytes)}`}>
        {fileName}
      </span>
      {status === 'completed' ? <span className="mr-quiet">{done}</span> : <RunStatus status={status} note={phase} />}
      {status === 'processing' && <Bar label={`${fileName}, ${phase ?? 'started'}`} percent={progress} />}
      {error !== undefined && <span className="mr-error">{error}</span>}
    </li>
  );
});

function number(value: number): string {
  return value.toLocaleString('en');
}
