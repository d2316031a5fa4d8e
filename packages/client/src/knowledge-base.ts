import type { RunFilter } from '@millrace/protocol/frame';
import type { DocumentView } from '@millrace/protocol/view';
import type { KnowledgeDocument } from './api.ts';
import type { Client } from './client.ts';
import { ReadStore } from './read-store.ts';
import type { RunStore } from './run-store.ts';

/** A document as it stands, with the phase and progress (0–100) that its run tells while it is processed. */
export type LiveDocument = KnowledgeDocument & Partial<Pick<DocumentView, 'phase' | 'progress'>>;

/** A knowledge base's documents, newest change first, live. */
export type KnowledgeBaseStore = ReadStore<readonly LiveDocument[]>;

/** runs that are followed for the progress of their documents: those that have told last */
const FOLLOWED = 10;
/** documents, newest change first */
const LIMIT = 1_000;

/** What a run tells of documents, and what retracts it. */
const filter: RunFilter = {
  types: [
    'kb.started',
    'kb.processing',
    'kb.completed',
    'kb.failed',
    'node.started',
    'step.completed',
    'checkpoint.saved',
  ],
};

export function knowledgeBaseStore(client: Client, kbId: string): KnowledgeBaseStore {
  const open = client.list({ status: ['created', 'running', 'paused'], limit: 500 });
  const runs = new Followed(client);
  return new ReadStore<readonly LiveDocument[]>({
    clock: client.clock,
    empty: [],
    continuity: () => open.getSnapshot().continuity,
    async read() {
      const documents = await client.api.documents(kbId, LIMIT);
      runs.follow(documents.flatMap(({ status, run }) => (status === 'processing' ? [run] : [])));
      return documents.map((document) => ({ ...document, ...runs.progressOf(document) }));
    },
    watch(changed) {
      const leave = open.subscribe(changed);
      runs.begin(changed);
      return () => {
        leave();
        runs.end();
      };
    },
  });
}

/** The runs that process documents now. */
class Followed {
  readonly #client: Client;
  readonly #runs = new Map<string, { store: RunStore; leave(): void }>();
  #changed: (() => void) | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  begin(changed: () => void): void {
    this.#changed = changed;
  }

  end(): void {
    this.follow([]);
    this.#changed = undefined;
  }

  follow(wanted: readonly string[]): void {
    const changed = this.#changed;
    if (!changed) return;
    const next = new Set([...new Set(wanted)].slice(0, FOLLOWED));
    for (const [run, { leave }] of this.#runs) {
      if (next.has(run)) continue;
      leave();
      this.#runs.delete(run);
    }
    for (const run of next) {
      if (this.#runs.has(run)) continue;
      const store = this.#client.run(run, { filter });
      this.#runs.set(run, { store, leave: store.subscribe(changed) });
    }
  }

  /** What the document's run tells, where it is of the very state that is stored. */
  progressOf({ run, kbId, documentId, status }: KnowledgeDocument): Pick<LiveDocument, 'phase' | 'progress'> {
    const documents = this.#runs.get(run)?.store.getSnapshot().view?.content.documents;
    const told = documents?.[`${kbId}/${documentId}`];
    if (!told || told.superseded || told.status !== status) return {};
    return { progress: told.progress, ...(told.phase !== undefined && { phase: told.phase }) };
  }
}
