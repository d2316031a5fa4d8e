import { parseCursor } from '@millrace/protocol/cursor';
import { MillraceError, type Problem } from '@millrace/protocol/error';
import type { RunEvent } from '@millrace/protocol/event';
import { readEventStream, type StreamMessage } from './event-stream.ts';
import { errorOf } from './problem.ts';
import type { OpenTransport } from './transport.ts';
import { HttpTransport, type ReadOn } from './transport-http.ts';

/** One server-sent stream per run, over fetch because an EventSource cannot send a token in a header. */
export const openSse: OpenTransport = (setup, events) => new HttpTransport('sse', setup, events, readStream);

const readStream: ReadOn = async (http, run, cursor, { signal, emit }) => {
  let after = cursor;
  for (;;) {
    const response = await http.request({
      path: `/api/runs/${encodeURIComponent(run)}/events`,
      headers: { accept: 'text/event-stream', 'last-event-id': after },
      signal,
    });
    if (response.status === 204 || !response.body) return;
    const before = after;
    for await (const messages of readEventStream(response.body)) {
      signal.throwIfAborted();
      const seq = parseCursor(after, '').seq + 1;
      const events = messages.flatMap(eventOf);
      after = messages.at(-1)?.id || after;
      const through = parseCursor(after, '').seq;
      if (through >= seq) emit({ run, seq, through, events });
    }
    signal.throwIfAborted();
    // An ended run's stream ends too, and asking once more is answered with 204. A stream that brought nothing was cut.
    if (after === before) throw new MillraceError('unreachable', { detail: 'The stream ended.' });
  }
};

function eventOf({ event, data }: StreamMessage): RunEvent[] {
  if (event === 'problem') throw errorOf(JSON.parse(data) as Problem);
  if (event === 'gap') throw new MillraceError('unreachable', { detail: 'The log has changed under the stream.' });
  return event === 'message' && data !== '' ? [JSON.parse(data) as RunEvent] : [];
}
