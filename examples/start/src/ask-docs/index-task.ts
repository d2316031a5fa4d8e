import { task } from '@millrace/worker';
import { chunksOf } from './chunks.ts';
import type { Collected } from './collect-task.ts';
import { readDocument } from './documents.ts';
import { type Embedder, writeVector } from './embeddings.ts';
import type { IndexedChunk } from './search-index.ts';

export interface Indexed {
  chunks: IndexedChunk[];
}

/** Reads every document in a step of its own, so that after a crash no finished document is read again. */
export function indexTask(embedder: Embedder | undefined) {
  return task(
    'ask-docs.index',
    async (ctx, { collect: { folder, documents } }: { collect: Collected }): Promise<Indexed> => {
      const chunks: IndexedChunk[] = [];
      for (const [place, { path, bytes }] of documents.entries()) {
        ctx.progress(Math.round((100 * place) / documents.length), path);
        const document = await ctx.kb(folder, { documentId: path, fileName: path, bytes }, async (report) => {
          report('extraction', 0);
          const text = await readDocument(folder, path);
          report('chunking', 0);
          const found: IndexedChunk[] = chunksOf(path, text);
          if (embedder) report('embedding', 0, { chunks: found.length });
          const vectors = embedder && found.length > 0 ? await embedder.embed(found.map(embeddable), ctx.signal) : [];
          report('indexing', 0, { chunks: found.length, embeddings: vectors.length });
          const indexed = found.map((chunk, n) => ({
            ...chunk,
            ...(vectors[n] ? { vector: writeVector(vectors[n]) } : {}),
          }));
          return { chunks: found.length, embeddings: vectors.length, indexed };
        });
        chunks.push(...document.indexed);
      }
      ctx.progress(100);
      ctx.log.info(`Indexed ${chunks.length} chunks of ${documents.length} documents.`, {
        embeddings: embedder?.name ?? 'none',
      });
      return { chunks };
    },
  );
}

function embeddable({ heading, text }: IndexedChunk): string {
  return heading === '' ? text : `${heading}\n${text}`;
}
