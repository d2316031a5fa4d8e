import { tool } from 'ai';
import { z } from 'zod';
import type { SearchIndex } from './search-index.ts';

/** A chunk that a search found, under the number by which an answer cites it: `[n]`. */
export interface Passage {
  n: number;
  file: string;
  heading: string;
  text: string;
}

/** passages that one search answers with */
export const PASSAGE_LIMIT = 6;

const found = z.object({
  passages: z.array(z.object({ n: z.number().int(), file: z.string(), heading: z.string(), text: z.string() })),
});

/**
 * The agent's `search` tool. A passage keeps its number through all searches of one answer, so a citation means one
 * place whatever the agent asks later.
 */
export function searchTool(index: SearchIndex) {
  const numbers = new Map<string, number>();
  return tool({
    description: 'Searches the documents. Answers with numbered passages to cite as [n].',
    inputSchema: z.object({ query: z.string().describe('what to look for: a few words of the subject') }),
    async execute({ query }, { abortSignal }): Promise<{ passages: Passage[] }> {
      const chunks = await index.search(query, PASSAGE_LIMIT, abortSignal);
      const passages = chunks.map(({ id, file, heading, text }) => {
        const n = numbers.get(id) ?? numbers.size + 1;
        numbers.set(id, n);
        return { n, file, heading, text };
      });
      return { passages };
    },
  });
}

/** The passages in what a `search` call answered; none where it is something else. */
export function passagesIn(result: unknown): Passage[] {
  const read = found.safeParse(result);
  return read.success ? read.data.passages : [];
}

/** The passages that a text cites as `[n]`, by number, each once. */
export function citedIn(text: string, passages: readonly Passage[]): Passage[] {
  const cited = new Set(
    [...text.matchAll(/\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]/g)].flatMap((match) => (match[1] ?? '').split(',').map(Number)),
  );
  const byNumber = new Map(passages.map((passage) => [passage.n, passage]));
  return [...byNumber.values()].filter((passage) => cited.has(passage.n)).sort((a, b) => a.n - b.n);
}
