import type { WorkerLink, WorkflowDefinition } from '@millrace/protocol';
import { nextTurn } from '../clock.ts';
import { type Task, task } from '../task.ts';
import { workflow } from '../workflow.ts';
import { type Chunk, chunksOf } from './chunks.ts';
import { extract } from './extraction.ts';
import { embed, LOCAL_EMBEDDING } from './local-embedding.ts';
import { writeVector } from './vector.ts';

/** The input of a run of `ingest`: a document whose bytes are stored. */
export interface IngestInput {
  kbId: string;
  documentId: string;
  fileName: string;
  /** media type */
  type: string;
  bytes: number;
  sha256: string;
}

/** Its output. `index`: where the document's {@link EmbeddedChunk}s are stored, as JSON. */
export interface Ingested {
  documentId: string;
  fileName: string;
  chunks: number;
  embeddings: number;
  embedding: typeof LOCAL_EMBEDDING;
  index: { sha256: string; bytes: number };
}

/** `vector`: see `writeVector` */
export type EmbeddedChunk = Chunk & { vector: string };

export const INGEST = 'ingest';
export const INGEST_TASK = 'millrace.ingest';

/** chunks that are embedded in one go; then others get their turn */
const BATCH = 64;

/**
 * Takes a stored document into a knowledge base. Each phase is a step whose result stands in the log, so another process
 * goes on behind the last phase that was done.
 */
export function ingestTask(files: Pick<WorkerLink, 'putBlob' | 'getBlob'>): Task<IngestInput, Ingested> {
  return task(INGEST_TASK, (ctx, { kbId, documentId, fileName, type, bytes, sha256 }: IngestInput) =>
    ctx.kb(kbId, { documentId, fileName, bytes }, async (report, { signal }): Promise<Ingested> => {
      const sections = await ctx.step('extraction', async () => {
        report('extraction', 0);
        const found = extract(fileName, type, await files.getBlob(sha256));
        report('extraction', 100);
        return found;
      });
      const chunks = await ctx.step('chunking', () => {
        report('chunking', 0);
        const found = chunksOf(documentId, sections);
        report('chunking', 100, { chunks: found.length });
        return found;
      });
      const count = chunks.length;
      const vectors = await ctx.step('embedding', async () => {
        report('embedding', 0, { chunks: count });
        const made: string[] = [];
        for (let from = 0; from < count; from += BATCH) {
          for (const { heading, text } of chunks.slice(from, from + BATCH))
            made.push(writeVector(embed(`${heading}\n${text}`)));
          report('embedding', Math.floor((100 * made.length) / count), { chunks: count, embeddings: made.length });
          await new Promise<void>(nextTurn);
          signal.throwIfAborted();
        }
        return made;
      });
      const totals = { chunks: count, embeddings: vectors.length };
      const index = await ctx.step('indexing', async () => {
        report('indexing', 0, totals);
        const indexed = chunks.map((chunk, n): EmbeddedChunk => ({ ...chunk, vector: vectors[n] ?? '' }));
        const blob = await files.putBlob(new TextEncoder().encode(JSON.stringify(indexed)), 'application/json');
        report('indexing', 100, totals);
        return { sha256: blob.$blob, bytes: blob.bytes };
      });
      return { documentId, fileName, ...totals, embedding: LOCAL_EMBEDDING, index };
    }),
  );
}

/** The workflow `ingest` as it comes with the server. */
export function ingestWorkflow(ingest: Task<IngestInput, Ingested>): WorkflowDefinition {
  const text = { type: 'string', minLength: 1 };
  return workflow(INGEST, {
    title: 'Ingest a document',
    description: 'Extracts the text of a stored document, cuts it into chunks, embeds and indexes them.',
    input: {
      type: 'object',
      required: ['kbId', 'documentId', 'fileName', 'type', 'bytes', 'sha256'],
      additionalProperties: false,
      properties: {
        ...{ kbId: text, documentId: text, fileName: text, type: text },
        bytes: { type: 'integer', minimum: 0 },
        sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
      },
    },
    nodes: { document: { task: ingest } },
  });
}
