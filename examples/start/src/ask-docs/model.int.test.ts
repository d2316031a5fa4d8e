import { LLMock } from '@copilotkit/aimock';
import { stepCountIs, streamText } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chunksOf } from './chunks.ts';
import { chooseEmbedder, chooseModel } from './model.ts';
import { searchTool } from './passages.ts';
import { buildSearchIndex } from './search-index.ts';

const server = new LLMock({ host: '127.0.0.1', port: 0 });

beforeAll(async () => {
  server.on(
    { hasToolResult: false, userMessage: 'wheel' },
    { toolCalls: [{ name: 'search', arguments: '{"query":"wheel"}' }] },
  );
  server.on({ hasToolResult: true }, { content: 'It turns slowly [1], says the model.' });
  server.onEmbedding(/.*/, { embedding: [0.5, -0.5, 1] });
  await server.start();
});
afterAll(() => server.stop());

describe('the configured models', () => {
  it('[DEM-5] MILLRACE_LLM_URL and MILLRACE_LLM_MODEL make a real model answer, streamed and with tool calls', async () => {
    const chosen = chooseModel({
      MILLRACE_LLM_URL: `${server.url}/v1`,
      MILLRACE_LLM_MODEL: 'some-model',
      MILLRACE_LLM_KEY: 'key',
    });
    expect(chosen).toMatchObject({ name: 'some-model' });
    expect(chosen.note).toBeUndefined();
    const index = await buildSearchIndex(chunksOf('mill.md', '# Mill\n\nThe wheel turns slowly.'));
    const result = streamText({
      model: chosen.model,
      prompt: 'How does the wheel turn?',
      tools: { search: searchTool(index) },
      stopWhen: stepCountIs(4),
    });
    const tokens: string[] = [];
    for await (const token of result.textStream) tokens.push(token);
    const steps = await result.steps;
    expect(steps[0]?.toolResults).toMatchObject([
      { toolName: 'search', output: { passages: [{ n: 1, file: 'mill.md' }] } },
    ]);
    expect(tokens.join('')).toBe('It turns slowly [1], says the model.');
    expect(tokens.length).toBeGreaterThan(1);
    expect((await result.totalUsage).outputTokens).toBeGreaterThan(0);
    expect(server.getRequests().at(-1)).toMatchObject({ body: { model: 'some-model', stream: true } });
  });

  it('[DEM-8] MILLRACE_EMBEDDINGS_URL and MILLRACE_EMBEDDINGS_MODEL make an embedder', async () => {
    const embedder = chooseEmbedder({
      MILLRACE_EMBEDDINGS_URL: `${server.url}/v1`,
      MILLRACE_EMBEDDINGS_MODEL: 'vectors',
    });
    expect(await embedder?.embed(['one', 'two'])).toEqual([
      [0.5, -0.5, 1],
      [0.5, -0.5, 1],
    ]);
  });

  it('[DEM-4] without settings the extractive model answers and carries a note that says so', () => {
    expect(chooseModel({})).toMatchObject({ name: 'extractive', note: expect.stringContaining('Extractive') });
    expect(chooseEmbedder({})).toBeUndefined();
  });

  it('[DEM-5] half of a setting, or an address that is none, is refused by name', () => {
    expect(() => chooseModel({ MILLRACE_LLM_URL: 'http://127.0.0.1:1/v1' })).toThrow('MILLRACE_LLM_MODEL is not set');
    expect(() => chooseEmbedder({ MILLRACE_EMBEDDINGS_MODEL: 'm' })).toThrow('MILLRACE_EMBEDDINGS_URL is not set');
    expect(() => chooseModel({ MILLRACE_LLM_URL: 'localhost', MILLRACE_LLM_MODEL: 'm' })).toThrow(
      'must be an http or https address',
    );
  });
});
