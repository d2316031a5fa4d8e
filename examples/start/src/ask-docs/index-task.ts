import { type BlobRef, task, type WorkerLink } from '@millrace/worker';
import { type Chunk, writeVector } from '@millrace/worker/ingest';
import { chunksOf } from './chunks.ts';
import type { Collected } from './collect-task.ts';
import { readDocument } from './documents.ts';
import type { Embedder } from './embeddings.ts';
import type { IndexedChunk } from './search-index.ts';

/** Where the chunks are kept: beside the log, so that pages which show the run need not load them. */
export type ChunkFiles = Pick<WorkerLink, 'putBlob'>;

/** For each document the stored list of its chunks; the next node is given the lists themselves. */
export interface Indexed {
  chunks: BlobRef[];
}

/** Reads every document in a step of its own, so that after a crash no finished document is read again. */
export function indexTask(files: ChunkFiles, embedder: Embedder | undefined) {
  return task('ask-docs.index', async (ctx, { collect: { folder, documents } }: { collect: Collected }) => {
    const stored: Indexed = { chunks: [] };
    let count = 0;
    for (const [place, { path, bytes }] of documents.entries()) {
      ctx.progress(Math.round((100 * place) / documents.length), path);
      const document = { documentId: path, fileName: path, bytes };
      const indexed = await ctx.kb(nameOf(folder), document, async (report, { signal }) => {
        report('extraction', 0);
        const text = await readDocument(folder, path);
        report('chunking', 0);
        const found = chunksOf(path, text);
        if (embedder) report('embedding', 0, { chunks: found.length });
        const vectors = await vectorsOf(found, embedder, signal);
        report('indexing', 0, { chunks: found.length, embeddings: vectors.length });
        const blob = await store(
          found.map((chunk, n) => withVector(chunk, vectors[n])),
          files,
        );
        return { chunks: found.length, embeddings: vectors.length, sha256: blob.$blob, stored: blob.bytes };
      });
      stored.chunks.push({ $blob: indexed.sha256, bytes: indexed.stored, type: 'application/json' });
      count += indexed.chunks;
    }
    ctx.progress(100);
    ctx.log.info(`Cut ${documents.length} documents into ${count} chunks.`, { embeddings: embedder?.name ?? null });
    return stored;
  });
}

/** The knowledge base that a folder is: its last two names. */
function nameOf(folder: string): string {
  return folder.split(/[\\/]/).filter(Boolean).slice(-2).join('/');
}

async function vectorsOf(chunks: Chunk[], embedder: Embedder | undefined, signal: AbortSignal): Promise<number[][]> {
  if (!embedder || chunks.length === 0) return [];
  return embedder.embed(
    chunks.map(({ heading, text }) => (heading === '' ? text : `${heading}\n${text}`)),
    signal,
  );
}

function withVector(chunk: Chunk, vector: number[] | undefined): IndexedChunk {
  return vector === undefined ? chunk : { ...chunk, vector: writeVector(vector) };
}

function store(chunks: IndexedChunk[], files: ChunkFiles): Promise<BlobRef> {
  return files.putBlob(new TextEncoder().encode(JSON.stringify(chunks)), 'application/json');
}
