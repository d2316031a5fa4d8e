import { draft, type Fresh, own } from './draft.ts';
import type { RunEvent } from './event.ts';
import { layOver } from './fold-layers.ts';
import { goOn, originOf } from './fold-origin.ts';
import { DOCUMENT_WINDOW, trimKeys } from './fold-window.ts';
import { pick } from './pick.ts';
import type { ContentView, ControlView, DocumentView } from './view.ts';

type KbEvent = Extract<RunEvent, { type: `kb.${string}` }>;

export function foldDocument(content: ContentView, control: ControlView, event: KbEvent, fresh?: Fresh): ContentView {
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
  const origin = originOf(event);
  const next: DocumentView = goesOn
    ? goOn(before, origin)
    : { kbId, documentId, fileName, status: 'processing', progress: 0, ...origin };
  switch (event.type) {
    case 'kb.started':
      Object.assign(next, pick(event.data, 'bytes'));
      break;
    case 'kb.processing':
      Object.assign(next, pick(event.data, 'phase', 'progress', 'chunks', 'embeddings'));
      break;
    case 'kb.completed':
      Object.assign(next, pick(event.data, 'chunks', 'embeddings'), { status: 'completed', progress: 100 });
      break;
    case 'kb.failed':
      Object.assign(next, pick(event.data, 'error'), { status: 'failed', phase: event.data.failedPhase });
  }
  documents[key] = layOver(before, next, control);
  return view;
}
