import { type Chunk, cosine, readVector } from '@millrace/worker/ingest';
import MiniSearch from 'minisearch';
import type { Embedder } from './embeddings.ts';
import { stemOf } from './sentences.ts';

/** Finds the chunks that say something about a query, best first. */
export interface SearchIndex {
  search(query: string, limit: number, signal?: AbortSignal): Promise<Chunk[]>;
}

/** A chunk and, where an embedder was configured when it was indexed, its vector (see `writeVector`). */
export type IndexedChunk = Chunk & { vector?: string };

/** Reciprocal rank fusion's usual constant: how little the very first places count over those behind them. */
const FUSION = 60;

/**
 * BM25 over headings and texts; with an embedder also nearness of meaning, both ranks fused. It is built from what
 * the steps of the run have stored, so it needs no memory of the process that indexed.
 */
export async function buildSearchIndex(chunks: readonly IndexedChunk[], embedder?: Embedder): Promise<SearchIndex> {
  const words = new MiniSearch<Chunk>({
    idField: 'id',
    fields: ['heading', 'text'],
    processTerm: (term) => stemOf(term) || null,
    searchOptions: { boost: { heading: 1.5 }, fuzzy: (term) => (term.length > 5 ? 0.15 : false) },
  });
  await words.addAllAsync(chunks, { chunkSize: 50 });
  const byId = new Map(chunks.map((chunk) => [chunk.id, chunk]));
  const vectors = chunks.flatMap(({ id, vector }) =>
    vector === undefined ? [] : [{ id, vector: readVector(vector) }],
  );

  const byWords = (query: string): string[] => words.search(query).map((hit) => String(hit.id));

  const byMeaning = async (query: string, signal?: AbortSignal): Promise<string[]> => {
    if (!embedder || vectors.length === 0) return [];
    const [wanted] = await embedder.embed([query], signal);
    if (!wanted) return [];
    const near = vectors.map(({ id, vector }) => ({ id, nearness: cosine(vector, wanted) }));
    return near
      .sort((a, b) => b.nearness - a.nearness)
      .slice(0, 100)
      .map(({ id }) => id);
  };

  return {
    async search(query, limit, signal) {
      const ids = fuse([byWords(query), await byMeaning(query, signal)]).slice(0, limit);
      return ids
        .flatMap((id) => byId.get(id) ?? [])
        .map(({ id, file, heading, text }) => ({ id, file, heading, text }));
    },
  };
}

/** One ranking from several: what stands high in any of them stands high, what stands in all of them higher. */
export function fuse(rankings: readonly (readonly string[])[]): string[] {
  const scores = new Map<string, number>();
  for (const ranking of rankings) {
    for (const [place, id] of ranking.entries()) scores.set(id, (scores.get(id) ?? 0) + 1 / (FUSION + place));
  }
  return [...scores].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}
