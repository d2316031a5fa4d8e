import type { LanguageModel } from 'ai';
import { extractAnswer, keywordsOf } from './extract.ts';
import { type Passage, passagesIn } from './passages.ts';
import { wordsOf } from './sentences.ts';

/** The AI SDK's language model interface, version 4. */
export type LanguageModelV4 = Extract<LanguageModel, { specificationVersion: 'v4' }>;
type CallOptions = Parameters<LanguageModelV4['doStream']>[0];
type GenerateResult = Awaited<ReturnType<LanguageModelV4['doGenerate']>>;
type StreamPart =
  Awaited<ReturnType<LanguageModelV4['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;

/** Waits a moment between two tokens, so that a person sees the answer come; may reject when the signal aborts. */
export type Pace = (signal?: AbortSignal) => Promise<void>;

export const EXTRACTIVE_NOTE = 'Extractive model: it quotes the documents and writes nothing of its own.';

/**
 * A language model that needs no network and no weights: it calls `search` with the question's keywords, then quotes
 * the closest sentences with their citations. The same prompt always gets the same answer. Counts words as tokens.
 */
export function createExtractiveModel(options: { pace?: Pace } = {}): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: 'millrace',
    modelId: 'extractive',
    supportedUrls: {},
    doGenerate: async (call) => generate(call),
    doStream: async (call) => ({ stream: stream(generate(call), call.abortSignal, options.pace) }),
  };
}

function generate(call: CallOptions): GenerateResult {
  const { question, searched, passages, read } = conversation(call.prompt);
  const maySearch = call.toolChoice?.type !== 'none' && call.tools?.some((offered) => offered.name === 'search');
  if (!searched && maySearch) {
    const input = JSON.stringify({ query: keywordsOf(question).join(' ') });
    const content: GenerateResult['content'] = [
      { type: 'tool-call', toolCallId: 'search-1', toolName: 'search', input },
    ];
    return {
      content,
      finishReason: { unified: 'tool-calls', raw: undefined },
      usage: usage(read, wordsOf(input).length),
      warnings: [],
    };
  }
  const text = answer(question, passages);
  return {
    content: [{ type: 'text', text }],
    finishReason: { unified: 'stop', raw: undefined },
    usage: usage(read, tokensOf(text).length),
    warnings: [],
  };
}

function answer(question: string, passages: readonly Passage[]): string {
  if (passages.length === 0) return 'The search found nothing about this in the documents.';
  const quotes = extractAnswer(question, passages);
  if (quotes === undefined) return 'The documents hold no sentence that comes close to this question.';
  return `These sentences of the documents come closest to the question (quoted by an extractive model):\n\n${quotes}`;
}

/** What the last question was, and what has been found for it since. */
function conversation(prompt: CallOptions['prompt']): {
  question: string;
  searched: boolean;
  passages: Passage[];
  read: number;
} {
  let question = '';
  let searched = false;
  let read = 0;
  const passages = new Map<number, Passage>();
  for (const message of prompt) {
    if (message.role === 'user') {
      question = message.content
        .map((part) => (part.type === 'text' ? part.text : ''))
        .join(' ')
        .trim();
      read += wordsOf(question).length;
      searched = false;
      passages.clear();
    } else if (message.role === 'tool') {
      for (const part of message.content) {
        if (part.type !== 'tool-result') continue;
        searched = true;
        if (part.output.type !== 'json') continue;
        for (const passage of passagesIn(part.output.value)) {
          passages.set(passage.n, passage);
          read += wordsOf(passage.text).length;
        }
      }
    }
  }
  return { question, searched, passages: [...passages.values()], read };
}

function stream(
  result: GenerateResult,
  signal: AbortSignal | undefined,
  pace: Pace | undefined,
): ReadableStream<StreamPart> {
  const parts = partsOf(result);
  return new ReadableStream<StreamPart>({
    async pull(controller) {
      const next = parts.next();
      if (next.done) return controller.close();
      try {
        if (next.value.type === 'text-delta') await pace?.(signal);
        signal?.throwIfAborted();
        controller.enqueue(next.value);
      } catch (error) {
        controller.error(error);
      }
    },
  });
}

function* partsOf(result: GenerateResult): Generator<StreamPart> {
  yield { type: 'stream-start', warnings: [] };
  for (const content of result.content) {
    if (content.type === 'tool-call') yield content;
    if (content.type !== 'text') continue;
    yield { type: 'text-start', id: 'answer' };
    for (const delta of tokensOf(content.text)) yield { type: 'text-delta', id: 'answer', delta };
    yield { type: 'text-end', id: 'answer' };
  }
  yield { type: 'finish', finishReason: result.finishReason, usage: result.usage };
}

/** Words with the space before them; joined they are the text. */
function tokensOf(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [];
}

function usage(input: number, output: number): GenerateResult['usage'] {
  return {
    inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: output, reasoning: undefined },
  };
}
