import { generateText, stepCountIs, streamText } from 'ai';
import { describe, expect, it } from 'vitest';
import { chunksOf } from './chunks.ts';
import { createExtractiveModel } from './extractive-model.ts';
import { citedIn, passagesIn, searchTool } from './passages.ts';
import { buildSearchIndex } from './search-index.ts';

const source =
  '# Mill\n\n## Wheel\n\nThe wheel turns slowly. The race feeds the wheel with 40 litres a second.\n\n## Stone\n\nThe stone grinds corn.\n\n```\nrace(40)\n```';

async function ask(question: string, pace?: () => Promise<void>) {
  const index = await buildSearchIndex(chunksOf('mill.md', source));
  return {
    model: createExtractiveModel(pace ? { pace } : {}),
    tools: { search: searchTool(index) },
    stopWhen: stepCountIs(4),
    prompt: question,
  };
}

describe('the extractive model', () => {
  it('[DEM-4] searches by a tool call, then streams an answer that quotes and cites, and says that it is extractive', async () => {
    let pauses = 0;
    const pace = async () => {
      pauses += 1;
    };
    const result = streamText(await ask('How much does the race feed?', pace));
    const tokens: string[] = [];
    for await (const token of result.textStream) tokens.push(token);
    const steps = await result.steps;

    expect(steps.map((step) => step.finishReason)).toEqual(['tool-calls', 'stop']);
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'search', input: { query: 'race feed' } }]);
    expect(tokens.length).toBeGreaterThan(15);
    expect(pauses).toBe(tokens.length);
    const answer = tokens.join('');
    expect(answer).toContain('extractive');
    expect(answer).toContain('- The race feeds the wheel with 40 litres a second. [1]');
    const passages = steps.flatMap((step) => step.toolResults.flatMap((call) => passagesIn(call.output)));
    expect(citedIn(answer, passages)[0]).toMatchObject({ n: 1, file: 'mill.md', heading: 'Mill › Wheel' });
    expect((await result.totalUsage).outputTokens).toBeGreaterThan(tokens.length);
  });

  it('answers the same way twice, streamed or not', async () => {
    const streamed = await streamText(await ask('What grinds corn?')).text;
    const generated = await generateText(await ask('What grinds corn?'));
    expect(generated.text).toBe(streamed);
    expect(streamed).toContain('- The stone grinds corn. [1]');
    expect(streamed).not.toContain('race(40)');
  });

  it('says that it found nothing where nothing is near', async () => {
    expect(await streamText(await ask('zeppelin?')).text).toBe('The search found nothing about this in the documents.');
  });

  it('stops in mid-answer when it is told to', async () => {
    const stop = new AbortController();
    let told = 0;
    const pace = async () => {
      told += 1;
      if (told === 5) stop.abort(new Error('enough'));
    };
    const result = streamText({ ...(await ask('How much does the race feed?', pace)), abortSignal: stop.signal });
    let tokens = 0;
    for await (const _ of result.textStream) tokens += 1;
    expect(tokens).toBeLessThanOrEqual(5);
    expect(told).toBe(5);
  });
});

describe('the search tool', () => {
  it('keeps the number of a passage through all searches of an answer', async () => {
    const { search } = (await ask('')).tools;
    const call = (query: string) => search.execute?.({ query }, { toolCallId: query, messages: [], context: {} });
    const first = passagesIn(await call('stone'));
    const second = passagesIn(await call('wheel stone'));
    const stone = (passages: typeof first) => passages.find((passage) => passage.heading === 'Mill › Stone')?.n;
    expect(stone(first)).toBe(1);
    expect(stone(second)).toBe(1);
    expect(new Set(second.map((passage) => passage.n)).size).toBe(second.length);
  });
});
