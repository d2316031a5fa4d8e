import { isTerminal, MillraceError, type RunEvent, type RunState } from '@millrace/protocol';
import { type Api, Unreachable } from './api.ts';

/** ms before a lost server is asked again */
const RETRY_MS = 1_000;

export interface FollowOptions {
  /** a cursor; default: from the first event */
  after?: string;
  /** told once when the server is lost, and once when it is back */
  onConnection?: (state: 'lost' | 'back') => void;
  signal?: AbortSignal;
}

/**
 * A run's events, each once and in order, until the run has ended. It comes back by its cursor when the server is
 * lost. Throws what the server refuses for good: run_not_found, unauthorized, invalid_cursor.
 */
export async function* follow(api: Api, run: string, options: FollowOptions = {}): AsyncGenerator<RunEvent> {
  const { onConnection, signal } = options;
  let cursor = options.after;
  let lost = false;
  while (!signal?.aborted) {
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (cursor !== undefined) headers['last-event-id'] = cursor;
      const answer = await api.send(`/api/runs/${encodeURIComponent(run)}/events`, {
        headers,
        ...(signal ? { signal } : {}),
      });
      if (lost) onConnection?.('back');
      lost = false;
      if (answer.status === 204 || !answer.body) return;
      for await (const message of messages(answer.body)) {
        cursor = message.id ?? cursor;
        if (message.event === 'problem') throw problemOf(message.data);
        if (message.event !== undefined || message.data === '') continue;
        const event = JSON.parse(message.data) as RunEvent;
        yield event;
        if (ends(event)) return;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!worthTrying(error)) throw error;
      if (!lost) onConnection?.('lost');
      lost = true;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

const ends = ({ type }: RunEvent): boolean => type.startsWith('run.') && isTerminal(type.slice(4) as RunState);

function worthTrying(error: unknown): boolean {
  if (error instanceof MillraceError) return error.row.retry;
  // A stream that is cut off in the middle ends with a TypeError of fetch.
  return error instanceof Unreachable || error instanceof TypeError;
}

function problemOf(data: string): MillraceError {
  const { code, detail } = JSON.parse(data) as { code: MillraceError['code']; detail?: string };
  return new MillraceError(code, detail === undefined ? {} : { detail });
}

interface Message {
  id?: string;
  event?: string;
  data: string;
}

/** Server-sent events as our server writes them: `id`, `event` and one `data` line, then an empty line. */
async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<Message> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = blocks.pop() as string;
    for (const block of blocks) {
      const message: Message = { data: '' };
      for (const line of block.split('\n')) {
        const [, field, value = ''] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
        if (field === 'id' || field === 'event' || field === 'data') message[field] = value;
      }
      yield message;
    }
  }
}
