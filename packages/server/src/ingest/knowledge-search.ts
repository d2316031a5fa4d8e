import type { Engine } from '../engine/face.ts';
import type { Files } from '../files/files.ts';
import type { DocumentRow, Store } from '../store/store.ts';

/** documents of a knowledge base that one search reads: those that changed last */
const DOCUMENTS = 1_000;
/** bytes of read indexes that are kept for the next search */
const KEPT = 32 * 1024 * 1024;

type Ingesting = typeof import('@millrace/worker/ingest');
type EmbeddedChunk = import('@millrace/worker/ingest').EmbeddedChunk;
type Ingested = import('@millrace/worker/ingest').Ingested;

export interface FoundPassage {
  documentId: string;
  fileName: string;
  /** the headings it stands under, outermost first, joined by ` › `; '' where there are none */
  heading: string;
  text: string;
  score: number;
}

export interface KnowledgeAnswer {
  /** best first */
  chunks: FoundPassage[];
  /** documents that were searched */
  searched: number;
  /** completed documents that could not be: another workflow indexed them, or their run was deleted */
  unsearched: number;
}

/** Searches what runs of `ingest` have indexed. A document's index is its run's output, and lives as long as the run. */
export class KnowledgeSearch {
  readonly #parts: { store: Pick<Store, 'documents'>; engine: Pick<Engine, 'control'>; files: Pick<Files, 'get'> };
  /** by tenant and SHA-256, the one used last at the end */
  readonly #kept = new Map<string, { chunks: EmbeddedChunk[]; bytes: number }>();
  #bytes = 0;

  constructor(parts: { store: Pick<Store, 'documents'>; engine: Pick<Engine, 'control'>; files: Pick<Files, 'get'> }) {
    this.#parts = parts;
  }

  async search(tenant: string, kbId: string, query: string, limit: number): Promise<KnowledgeAnswer> {
    const ingesting = await import('@millrace/worker/ingest');
    const rows = await this.#parts.store.documents(tenant, kbId, DOCUMENTS);
    const names = new Map(rows.map(({ documentId, fileName }) => [documentId, fileName]));
    const all: EmbeddedChunk[] = [];
    const answer: KnowledgeAnswer = { chunks: [], searched: 0, unsearched: 0 };
    for (const row of rows) {
      if (row.status !== 'completed') continue;
      const chunks = await this.#chunks(tenant, row, ingesting);
      answer[chunks ? 'searched' : 'unsearched'] += 1;
      for (const chunk of chunks ?? []) all.push(chunk);
    }
    answer.chunks = ingesting.searchChunks(all, query, limit).map(({ file, heading, text, score }) => {
      return { documentId: file, fileName: names.get(file) ?? file, heading, text, score };
    });
    return answer;
  }

  async #chunks(tenant: string, row: DocumentRow, ingesting: Ingesting): Promise<EmbeddedChunk[] | undefined> {
    const found = await this.#parts.engine.control({ tenant, run: row.run });
    const node = Object.values(found?.control.nodes ?? {}).find(
      ({ id }) => taskOf(found?.control.graph, id) === ingesting.INGEST_TASK,
    );
    const output = node?.output as Ingested | undefined;
    if (output?.documentId !== row.documentId || output.embedding !== ingesting.LOCAL_EMBEDDING) return undefined;
    const key = `${tenant}/${output.index.sha256}`;
    const chunks = this.#kept.get(key)?.chunks ?? (await this.#read(tenant, output.index.sha256));
    this.#keep(key, chunks, output.index.bytes);
    return chunks;
  }

  async #read(tenant: string, sha256: string): Promise<EmbeddedChunk[]> {
    const { bytes } = await this.#parts.files.get(tenant, sha256);
    return JSON.parse(new TextDecoder().decode(bytes)) as EmbeddedChunk[];
  }

  #keep(key: string, chunks: EmbeddedChunk[], bytes: number): void {
    this.#drop(key);
    this.#kept.set(key, { chunks, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= KEPT) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}

const taskOf = (graph: readonly { id: string; task?: string }[] | undefined, node: string): string | undefined =>
  graph?.find(({ id }) => id === node)?.task;
