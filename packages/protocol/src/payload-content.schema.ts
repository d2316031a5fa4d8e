import { z } from 'zod';
import type { EventData, EventType } from './event.ts';
import {
  amount,
  bytes,
  count,
  currency,
  id,
  json,
  jsonOrBlob,
  line,
  name,
  open,
  percent,
  sha256,
  text,
} from './field.schema.ts';
import { tokenCounts } from './payload-part.schema.ts';

type Content =
  | Extract<EventType, `${'agent' | 'kb' | 'file' | 'budget'}.${string}`>
  | 'log'
  | 'usage'
  | 'metric'
  | 'error';

const message = { agentId: id, messageId: id };
const call = { ...message, callId: id, name: id };
const document = { kbId: id, documentId: id, fileName: line };
const phase = z.enum(['extraction', 'chunking', 'embedding', 'indexing']);
const tokens = count.describe('tokens');
const file = open({
  name: line.min(1),
  type: id.describe('media type'),
  bytes,
  sha256,
  url: line.describe("path below the server's address"),
});

/** Payloads of the events that tell what a run does, and what it costs. */
export const contentPayloads = {
  log: open({
    level: z.enum(['debug', 'info', 'warning', 'error']),
    message: text,
    metadata: json.optional(),
  }),
  'agent.started': open({ ...message, model: id.optional(), note: line.optional() }),
  'agent.message': open({ ...message, role: z.enum(['user', 'assistant', 'system']), text }),
  'agent.thinking': open({ ...message, text }),
  'agent.token': open({ ...message, text }),
  'agent.completed': open({
    ...message,
    text: text.optional().describe('the whole text, in place of the tokens'),
    tokens: tokenCounts.optional(),
    finish: id.optional().describe('why the model stopped'),
  }),
  'agent.tool_call': open({ ...call, arguments: json, status: z.enum(['running', 'completed', 'failed']) }),
  'agent.tool_result': open({
    ...call,
    status: z.enum(['completed', 'failed']),
    result: jsonOrBlob.optional(),
    error: text.optional(),
  }),
  'kb.started': open({ ...document, bytes: bytes.optional() }),
  'kb.processing': open({
    ...document,
    phase,
    progress: percent,
    chunks: count.optional(),
    embeddings: count.optional(),
  }),
  'kb.completed': open({ ...document, chunks: count, embeddings: count }),
  'kb.failed': open({ ...document, error: text, failedPhase: phase }),
  usage: open({
    model: id.optional(),
    inputTokens: tokens.optional(),
    outputTokens: tokens.optional(),
    cost: open({ amount, currency }).optional(),
  }),
  'budget.exceeded': open({ limit: amount, total: amount, currency }),
  metric: open({ name, value: z.number(), unit: id.optional() }),
  'file.created': file,
  'file.updated': file,
  error: open({ code: id, message: text }),
} satisfies { [T in Content]: z.ZodType<EventData[T]> };
