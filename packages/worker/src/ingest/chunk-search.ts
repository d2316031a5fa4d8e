import type { Chunk } from './chunks.ts';
import type { EmbeddedChunk } from './ingest-workflow.ts';
import { embed, stems } from './local-embedding.ts';
import { cosine, readVector } from './vector.ts';

/** A chunk that a search found; scores order the answer of one search, and mean nothing beyond it. */
export type FoundChunk = Chunk & { score: number };

/** A chunk without any word of the query has to be at least so near to be found. */
const NEAR = 0.25;

/** The chunks that say something about a query, best first: by the share of its words, the rare ones more, and by vector. */
export function searchChunks(chunks: readonly EmbeddedChunk[], query: string, limit: number): FoundChunk[] {
  const wanted = new Set(stems(query));
  const read = chunks.map((chunk) => ({ chunk, words: new Set(stems(`${chunk.heading} ${chunk.text}`)) }));
  const weights = new Map(
    [...wanted].map((word) => {
      const holders = read.filter(({ words }) => words.has(word)).length;
      return [word, Math.log(1 + read.length / (1 + holders))];
    }),
  );
  const whole = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const vector = embed(query);
  return read
    .flatMap(({ chunk: { vector: stored, ...chunk }, words }): FoundChunk[] => {
      const held = [...weights].reduce((sum, [word, weight]) => sum + (words.has(word) ? weight : 0), 0);
      const nearness = cosine(readVector(stored), vector);
      if (held === 0 && nearness < NEAR) return [];
      return [{ ...chunk, score: Math.round(1_000 * ((whole === 0 ? 0 : held / whole) + nearness)) / 1_000 }];
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, limit);
}
