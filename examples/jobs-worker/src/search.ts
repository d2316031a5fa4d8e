import { setTimeout as wait } from 'node:timers/promises';
import { task, workflow } from '@millrace/worker';

export interface SearchInput {
  query: string;
  /** ms that each part of the work takes; default 300 */
  partMs?: number;
}

interface Hit {
  title: string;
  score: number;
}

const shelf = [
  'AI agents that plan',
  'How agents remember',
  'Search without an index',
  'Streams and logs',
  'Agents and tools',
  'A history of queues',
];
/** titles that are ranked between two checkpoints */
const BATCH = 2;

/**
 * Searches a small shelf, slowly: a step that finds, ranking with a checkpoint after each batch, and an answer that is
 * streamed word by word. It ends at once when it is cancelled or paused; a later attempt goes on where this one had got to.
 */
export const search = task('search', async (ctx, { query, partMs = 300 }: SearchInput) => {
  ctx.progress(5, 'Searching');
  const found = await ctx.step('find', async ({ signal }) => {
    await wait(partMs, undefined, { signal });
    return shelf.filter((title) => score(query, title) > 0);
  });
  ctx.log.info(`${found.length} of ${shelf.length} titles match.`, { query });

  const ranked = (await ctx.checkpoint.load<Hit[]>('ranked')) ?? [];
  while (ranked.length < found.length) {
    ctx.progress(20 + Math.round((50 * ranked.length) / found.length), 'Ranking');
    await wait(partMs, undefined, { signal: ctx.signal });
    const batch = found.slice(ranked.length, ranked.length + BATCH);
    ranked.push(...batch.map((title) => ({ title, score: score(query, title) })));
    await ctx.checkpoint('ranked', ranked);
  }
  const hits = ranked.toSorted((a, b) => b.score - a.score);

  ctx.progress(70, 'Answering');
  const { text } = await ctx.agent('answer', (signal) => words(answerOf(query, hits), partMs / 10, signal));
  ctx.progress(95, 'Done');
  return { query, hits, answer: text };
});

/** How many words of the query the title holds. */
function score(query: string, title: string): number {
  const there = new Set(title.toLowerCase().split(/\W+/));
  return query
    .toLowerCase()
    .split(/\W+/)
    .filter((word) => there.has(word)).length;
}

function answerOf(query: string, [best, ...others]: Hit[]): string {
  if (!best) return `Nothing on the shelf is about "${query}".`;
  return `The best match for "${query}" is "${best.title}"; ${others.length} more may be of use.`;
}

async function* words(text: string, pauseMs: number, signal: AbortSignal) {
  for (const word of text.split(/(?<= )/)) {
    await wait(pauseMs, undefined, { signal });
    yield { type: 'text-delta', text: word };
  }
}

export const searchWorkflow = workflow('search', {
  title: 'Search',
  description: 'A job that finds, ranks and answers, slowly.',
  input: {
    type: 'object',
    required: ['query'],
    additionalProperties: false,
    properties: {
      query: { type: 'string', title: 'Query', minLength: 1, maxLength: 200 },
      partMs: { type: 'integer', title: 'Milliseconds per part', minimum: 0, maximum: 60_000, default: 300 },
    },
  },
  example: { query: 'AI agents' },
  task: search,
});
