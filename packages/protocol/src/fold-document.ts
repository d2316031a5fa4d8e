import { draft, type Fresh, own } from './draft.ts';
import type { RunEvent } from './event.ts';
import { originOf } from './fold-origin.ts';
import { trimKeys } from './fold-window.ts';
import { type ContentView, DOCUMENT_WINDOW, type DocumentView } from './view.ts';

type KbEvent = Extract<RunEvent, { type: `kb.${string}` }>;

export function foldDocument(content: ContentView, event: KbEvent, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const documents = own(view, 'documents', fresh);
  const { kbId, documentId, fileName } = event.data;
  const key = `${kbId}/${documentId}`;
  const before = documents[key];
  if (before === undefined) {
    view.documentTotal += 1;
    if (view.documentTotal % DOCUMENT_WINDOW === 0) trimKeys(documents, DOCUMENT_WINDOW);
  }
  const goesOn = before && !before.superseded && event.type !== 'kb.started';
  const next: DocumentView = {
    ...(goesOn ? before : { kbId, documentId, fileName, status: 'processing', progress: 0 }),
    ...originOf(event),
  };
  switch (event.type) {
    case 'kb.started':
      if (event.data.bytes !== undefined) next.bytes = event.data.bytes;
      break;
    case 'kb.processing':
      next.phase = event.data.phase;
      next.progress = event.data.progress;
      if (event.data.chunks !== undefined) next.chunks = event.data.chunks;
      if (event.data.embeddings !== undefined) next.embeddings = event.data.embeddings;
      break;
    case 'kb.completed':
      next.status = 'completed';
      next.progress = 100;
      next.chunks = event.data.chunks;
      next.embeddings = event.data.embeddings;
      break;
    case 'kb.failed':
      next.status = 'failed';
      next.phase = event.data.failedPhase;
      next.error = event.data.error;
  }
  documents[key] = next;
  return view;
}
