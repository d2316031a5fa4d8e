import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import { createEmbedder, type Embedder } from './embeddings.ts';
import { createExtractiveModel, EXTRACTIVE_NOTE, type Pace } from './extractive-model.ts';

/** Who answers. */
export interface AnsweringModel {
  model: LanguageModel;
  name: string;
  /** what a reader of the answer has to know about it */
  note?: string;
}

/** The settings that choose the models, as they stand in the environment. */
export interface ModelSettings {
  MILLRACE_LLM_URL?: string;
  MILLRACE_LLM_MODEL?: string;
  MILLRACE_LLM_KEY?: string;
  MILLRACE_EMBEDDINGS_URL?: string;
  MILLRACE_EMBEDDINGS_MODEL?: string;
  MILLRACE_EMBEDDINGS_KEY?: string;
}

/** The model behind MILLRACE_LLM_URL (OpenAI-compatible), else the extractive one. Throws where only half is set. */
export function chooseModel(settings: ModelSettings, pace?: Pace): AnsweringModel {
  const place = endpoint(
    'MILLRACE_LLM',
    settings.MILLRACE_LLM_URL,
    settings.MILLRACE_LLM_MODEL,
    settings.MILLRACE_LLM_KEY,
  );
  if (!place)
    return {
      model: createExtractiveModel(pace === undefined ? {} : { pace }),
      name: 'extractive',
      note: EXTRACTIVE_NOTE,
    };
  const { url, model, key } = place;
  const provider = createOpenAICompatible({
    name: 'llm',
    baseURL: url,
    includeUsage: true,
    ...(key === undefined ? {} : { apiKey: key }),
  });
  return { model: provider.chatModel(model), name: model };
}

/** The embedder behind MILLRACE_EMBEDDINGS_URL (OpenAI-compatible); undefined where none is configured. */
export function chooseEmbedder(settings: ModelSettings): Embedder | undefined {
  const { MILLRACE_EMBEDDINGS_URL: url, MILLRACE_EMBEDDINGS_MODEL: model, MILLRACE_EMBEDDINGS_KEY: key } = settings;
  const place = endpoint('MILLRACE_EMBEDDINGS', url, model, key);
  return place && createEmbedder(place);
}

function endpoint(
  name: string,
  url?: string,
  model?: string,
  key?: string,
): { url: string; model: string; key?: string } | undefined {
  if (!url && !model) return undefined;
  if (!url || !model)
    throw new Error(`${name}_URL and ${name}_MODEL go together; ${name}_${url ? 'MODEL' : 'URL'} is not set.`);
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new Error(`${name}_URL must be an http or https address, not "${url}".`);
  return key ? { url, model, key } : { url, model };
}
