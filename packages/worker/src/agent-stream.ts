import type { EventData, EventType, Json } from '@millrace/protocol';
import { toJson } from './blob.ts';

/** What an agent's body answers: an AI SDK `streamText` result, or any stream of its parts. */
export type AgentSource =
  | AsyncIterable<unknown>
  | { stream: AsyncIterable<unknown> }
  | { fullStream: AsyncIterable<unknown> };

export interface AgentOptions {
  /** default: the step's name */
  agentId?: string;
  model?: string;
  /** shown beside the message */
  note?: string;
  /** per million tokens; turns token counts into cost */
  price?: { input: number; output: number; currency?: string };
}

export interface AgentAnswer {
  text: string;
  usage: { inputTokens: number; outputTokens: number; cost?: { amount: number; currency: string } };
  finishReason?: string;
  toolCalls: AgentToolCall[];
}

export interface AgentToolCall {
  callId: string;
  name: string;
  arguments: Json;
  result?: Json;
  error?: string;
}

/** An event of the agent's, without its place. */
export type AgentEvent = { [T in EventType]: { type: T; data: EventData[T] } }[EventType];

/** The parts of an AI SDK 7 stream that say something; other parts pass by. */
type Part =
  | { type: 'text-start' | 'start' | 'other' }
  | { type: 'text-delta' | 'reasoning-delta'; text: string }
  | { type: 'tool-call'; toolCallId: string; toolName: string; input: unknown }
  | { type: 'tool-result'; toolCallId: string; toolName: string; output: unknown; preliminary?: boolean }
  | { type: 'tool-error'; toolCallId: string; toolName: string; error: unknown }
  | { type: 'tool-output-denied'; toolCallId: string; toolName: string }
  | { type: 'finish-step'; usage: PartUsage; response?: { modelId?: string } }
  | { type: 'finish'; finishReason?: string; totalUsage?: PartUsage; usage?: PartUsage }
  | { type: 'error'; error: unknown }
  | { type: 'abort'; reason?: string };

interface PartUsage {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
}

export function partsOf(source: AgentSource): AsyncIterable<unknown> {
  if (Symbol.asyncIterator in source) return source;
  return 'stream' in source ? source.stream : source.fullStream;
}

/** Pure: turns the parts of one agent call into events, and adds up its answer. */
export class AgentStream {
  readonly #options: AgentOptions;
  readonly #of: { agentId: string; messageId: string };
  readonly #calls = new Map<string, AgentToolCall>();
  #text = '';
  #input = 0;
  #output = 0;
  #counted = false;
  #finish: string | undefined;

  constructor(agentId: string, messageId: string, options: AgentOptions) {
    this.#of = { agentId, messageId };
    this.#options = options;
  }

  started(): AgentEvent {
    const { model, note } = this.#options;
    return {
      type: 'agent.started',
      data: { ...this.#of, ...(model === undefined ? {} : { model }), ...(note === undefined ? {} : { note }) },
    };
  }

  /** The events that a part tells. Throws what an `error` part carries. */
  take(raw: unknown): AgentEvent[] {
    const part = raw as Part;
    switch (part.type) {
      case 'text-start':
        return this.#text === '' || this.#text.endsWith('\n') ? [] : this.#token('\n\n');
      case 'text-delta':
        return part.text === '' ? [] : this.#token(part.text);
      case 'reasoning-delta':
        return part.text === '' ? [] : [{ type: 'agent.thinking', data: { ...this.#of, text: part.text } }];
      case 'tool-call':
        return [this.#toolCall(part.toolCallId, part.toolName, part.input)];
      case 'tool-result':
        return part.preliminary
          ? []
          : [this.#toolEnded(part, { result: toJson(part.output, `The result of ${part.toolName}`) })];
      case 'tool-error':
        return [this.#toolEnded(part, { error: messageOf(part.error) })];
      case 'tool-output-denied':
        return [this.#toolEnded(part, { error: 'denied' })];
      case 'finish-step':
        return this.#count(part.usage, part.response?.modelId);
      case 'finish': {
        this.#finish = part.finishReason;
        const usage = part.totalUsage ?? part.usage;
        return this.#counted || !usage ? [] : this.#count(usage);
      }
      case 'error':
        throw part.error instanceof Error ? part.error : new Error(messageOf(part.error));
      case 'abort':
        throw new DOMException(part.reason ?? 'The model call was aborted.', 'AbortError');
      default:
        return [];
    }
  }

  completed(): AgentEvent {
    return {
      type: 'agent.completed',
      data: {
        ...this.#of,
        text: this.#text,
        tokens: { input: this.#input, output: this.#output },
        ...(this.#finish === undefined ? {} : { finish: this.#finish }),
      },
    };
  }

  failed(): AgentEvent {
    return { type: 'agent.completed', data: { ...this.#of, finish: 'error' } };
  }

  answer(): AgentAnswer {
    const cost = this.#cost(this.#input, this.#output);
    return {
      text: this.#text,
      usage: { inputTokens: this.#input, outputTokens: this.#output, ...(cost ? { cost } : {}) },
      ...(this.#finish === undefined ? {} : { finishReason: this.#finish }),
      toolCalls: [...this.#calls.values()],
    };
  }

  #token(text: string): AgentEvent[] {
    this.#text += text;
    return [{ type: 'agent.token', data: { ...this.#of, text } }];
  }

  #toolCall(callId: string, name: string, input: unknown): AgentEvent {
    const call = { callId, name, arguments: toJson(input, `The arguments of ${name}`) };
    this.#calls.set(callId, call);
    return { type: 'agent.tool_call', data: { ...this.#of, ...call, status: 'running' } };
  }

  #toolEnded(
    { toolCallId: callId, toolName: name }: { toolCallId: string; toolName: string },
    end: { result: Json } | { error: string },
  ): AgentEvent {
    this.#calls.set(callId, { ...(this.#calls.get(callId) ?? { callId, name, arguments: null }), ...end });
    const status = 'error' in end ? 'failed' : 'completed';
    return { type: 'agent.tool_result', data: { ...this.#of, callId, name, status, ...end } };
  }

  #count({ inputTokens = 0, outputTokens = 0 }: PartUsage, modelId?: string): AgentEvent[] {
    this.#counted = true;
    this.#input += inputTokens;
    this.#output += outputTokens;
    const model = this.#options.model ?? modelId;
    const cost = this.#cost(inputTokens, outputTokens);
    return [
      {
        type: 'usage',
        data: { ...(model === undefined ? {} : { model }), inputTokens, outputTokens, ...(cost ? { cost } : {}) },
      },
    ];
  }

  #cost(input: number, output: number): { amount: number; currency: string } | undefined {
    const { price } = this.#options;
    if (!price) return undefined;
    const amount = (input * price.input + output * price.output) / 1_000_000;
    return { amount, currency: price.currency ?? 'USD' };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
