import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany } from 'ai';

/** Turns texts into vectors that lie near each other where the texts mean something alike. */
export interface Embedder {
  /** the model's name */
  name: string;
  embed(texts: readonly string[], signal?: AbortSignal): Promise<number[][]>;
}

/** An embedder behind an OpenAI-compatible URL, like `http://127.0.0.1:11434/v1`. */
export function createEmbedder(options: { url: string; model: string; key?: string }): Embedder {
  const provider = createOpenAICompatible({
    name: 'embeddings',
    baseURL: options.url,
    ...(options.key === undefined ? {} : { apiKey: options.key }),
  });
  const model = provider.embeddingModel(options.model);
  return {
    name: options.model,
    async embed(texts, signal) {
      const { embeddings } = await embedMany({
        model,
        values: [...texts],
        ...(signal === undefined ? {} : { abortSignal: signal }),
      });
      return embeddings;
    },
  };
}
