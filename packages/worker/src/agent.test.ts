import { simulateReadableStream, stepCountIs, streamText, tool } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { AgentStream } from './agent-stream.ts';
import { systemClock } from './clock.ts';
import type { AgentBody } from './context.ts';
import { MemoryEngine } from './memory-engine.suite.ts';
import { task } from './task.ts';
import { createWorker } from './worker.ts';
import { workflow } from './workflow.ts';

const tokens = (input: number, output: number) => ({
  inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: output, text: output, reasoning: 0 },
});
type Stream = Awaited<ReturnType<MockLanguageModelV4['doStream']>>['stream'];
type Chunk = Stream extends ReadableStream<infer C> ? C : never;

function model(...calls: Chunk[][]) {
  const streams = calls.map((chunks) => ({
    stream: simulateReadableStream({ chunks, chunkDelayInMs: null, initialDelayInMs: null }),
  }));
  return new MockLanguageModelV4({ modelId: 'mock-1', doStream: streams });
}

const text = (id: string, ...deltas: string[]): Chunk[] => [
  { type: 'text-start', id },
  ...deltas.map((delta): Chunk => ({ type: 'text-delta', id, delta })),
  { type: 'text-end', id },
];
const finish = (reason: 'stop' | 'tool-calls', input: number, output: number): Chunk => ({
  type: 'finish',
  finishReason: { unified: reason, raw: reason },
  usage: tokens(input, output),
});

async function runAgent(body: AgentBody, price?: { input: number; output: number; currency?: string }) {
  const engine = new MemoryEngine(systemClock);
  const ask = task('ask', (ctx) =>
    ctx.agent('answer', body, { agentId: 'librarian', note: 'a mock', ...(price ? { price } : {}) }),
  );
  const worker = createWorker({ link: engine.link, workflows: [workflow('ask', { task: ask })] });
  await worker.start();
  const run = await engine.create('ask', null);
  await vi.waitFor(async () => expect((await engine.view(run)).control.endedAt).toBeDefined());
  await worker.stop();
  return { events: await engine.events(run), view: await engine.view(run) };
}

describe('ctx.agent', () => {
  test('[WRK-25] streams a streamText result with a tool into the run and answers its text, tools and usage', async () => {
    const search = tool({
      inputSchema: z.object({ query: z.string() }),
      execute: async ({ query }) => [`about ${query}`],
    });
    const mock = model(
      [
        { type: 'stream-start', warnings: [] },
        { type: 'reasoning-start', id: 'r' },
        { type: 'reasoning-delta', id: 'r', delta: 'I should look.' },
        { type: 'reasoning-end', id: 'r' },
        ...text('1', 'Let me look.'),
        { type: 'tool-call', toolCallId: 'c1', toolName: 'search', input: '{"query":"hooks"}' },
        finish('tool-calls', 10, 4),
      ],
      [{ type: 'stream-start', warnings: [] }, ...text('2', 'Hooks ', 'run.'), finish('stop', 20, 6)],
    );
    const { view, events } = await runAgent(
      (abortSignal) =>
        streamText({ model: mock, prompt: 'Hooks?', tools: { search }, stopWhen: stepCountIs(3), abortSignal }),
      { input: 1_000_000, output: 2_000_000, currency: 'EUR' },
    );
    expect(view.control.output).toEqual({
      text: 'Let me look.\n\nHooks run.',
      usage: { inputTokens: 30, outputTokens: 10, cost: { amount: 50, currency: 'EUR' } },
      finishReason: 'stop',
      toolCalls: [{ callId: 'c1', name: 'search', arguments: { query: 'hooks' }, result: ['about hooks'] }],
    });
    expect(Object.values(view.content.messages)).toMatchObject([
      {
        agentId: 'librarian',
        step: 'answer',
        status: 'done',
        note: 'a mock',
        thinking: 'I should look.',
        text: 'Let me look.\n\nHooks run.',
        tokens: { input: 30, output: 10 },
        tools: [{ callId: 'c1', name: 'search', status: 'completed', result: ['about hooks'] }],
      },
    ]);
    expect(view.control.usage).toEqual({ inputTokens: 30, outputTokens: 10, cost: { EUR: 50 } });
    expect(events.filter(({ type }) => type === 'usage').map(({ data }) => data)).toMatchObject([
      { model: 'mock-1' },
      { model: 'mock-1' },
    ]);
    expect(events.filter(({ type }) => type === 'agent.token')).toHaveLength(4);
  });

  test('[WRK-26] a model that fails fails the step, and the message ends', async () => {
    const mock = model([...text('1', 'So'), { type: 'error', error: new Error('overloaded') }]);
    const { view } = await runAgent(() => streamText({ model: mock, prompt: '?', maxRetries: 0, onError: () => {} }));
    expect(view.control.error).toMatchObject({ message: 'overloaded' });
    expect(Object.values(view.content.messages)).toMatchObject([{ status: 'done', text: 'So' }]);
  });

  test('a tool that fails is shown as failed, and the agent goes on', async () => {
    const stream = new AgentStream('a', 'm', {});
    stream.take({ type: 'tool-call', toolCallId: 'c', toolName: 'search', input: {} });
    expect(
      stream.take({ type: 'tool-error', toolCallId: 'c', toolName: 'search', error: new Error('no index') }),
    ).toMatchObject([{ type: 'agent.tool_result', data: { status: 'failed', error: 'no index' } }]);
    expect(stream.answer().toolCalls).toEqual([{ callId: 'c', name: 'search', arguments: {}, error: 'no index' }]);
  });

  test('any stream of such parts will do, and its totals count where no step was counted', async () => {
    async function* parts() {
      yield { type: 'text-delta', text: 'Hi' };
      yield { type: 'a part of tomorrow' };
      yield { type: 'finish', finishReason: 'stop', totalUsage: { inputTokens: 1, outputTokens: 2 } };
    }
    const { view } = await runAgent(() => parts());
    expect(view.control.output).toMatchObject({ text: 'Hi', usage: { inputTokens: 1, outputTokens: 2 } });
  });
});
