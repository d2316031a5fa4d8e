import { formatCursor } from '@millrace/protocol/cursor';
import { parseCursor } from '@millrace/protocol/cursor-text';
import { MillraceError, type Problem } from '@millrace/protocol/error-code';
import type { RunEvent } from '@millrace/protocol/event';
import { type EventRange, HEARTBEAT_MS } from '@millrace/protocol/frame';
import { readEventStream, type StreamMessage } from './event-stream.ts';
import { errorOf, isRefusal, unreachable } from './problem.ts';
import type { OpenTransport } from './transport.ts';
import { HttpTransport, Mute, type Reader, type ReadOn } from './transport-http.ts';
import { readPages } from './transport-polling.ts';

/** streams at once; over HTTP/1.1 a browser opens six connections to a server, and some must be left for requests */
const STREAMS = 4;

/** One server-sent stream per run, over fetch because an EventSource cannot send a token in a header. */
export const openSse: OpenTransport = (setup, events) => {
  let streams = 0;
  const read: ReadOn = async (http, run, cursor, reader) => {
    if (streams >= STREAMS) return readPages(http, run, cursor, reader);
    streams += 1;
    try {
      await new RunStream(http, run, cursor, reader).read();
    } finally {
      streams -= 1;
    }
  };
  return new HttpTransport('sse', setup, events, read);
};

/** A run's log as a stream; until the stream has shown that its bytes come through, pages are read beside it. */
class RunStream {
  readonly #http: HttpTransport;
  readonly #run: string;
  readonly #reader: Reader;
  #after: string;

  constructor(http: HttpTransport, run: string, cursor: string, reader: Reader) {
    this.#http = http;
    this.#run = run;
    this.#after = cursor;
    this.#reader = reader;
  }

  /** Resolves when the run has ended and its last event was handed on. */
  async read(): Promise<void> {
    for (let done = false; !done; ) {
      const own = new AbortController();
      const paging = new AbortController();
      const stream = this.#stream(own, () => paging.abort());
      const pages = this.#pages(AbortSignal.any([paging.signal, this.#reader.signal]));
      try {
        // Pages that were given up leave it to the stream.
        done = await Promise.race([
          stream,
          pages.catch((error) => (paging.signal.aborted ? stream : Promise.reject(error))),
        ]);
      } finally {
        own.abort();
        paging.abort();
      }
    }
  }

  /** Answers whether the run has ended; otherwise the stream is to be opened again. `speaks` is called when it does. */
  async #stream(own: AbortController, speaks: () => void): Promise<boolean> {
    const { clock } = this.#http.setup.platform;
    const { token } = this.#http;
    const before = this.#after;
    const signal = AbortSignal.any([own.signal, this.#reader.signal]);
    // The server sends a comment at least twice in this time.
    const silence = (why: Error) => clock.after(HEARTBEAT_MS, () => own.abort(why));
    let cancelSilence = silence(new Mute('Nothing comes through this stream.'));
    try {
      const path = `/api/runs/${encodeURIComponent(this.#run)}/events`;
      const headers = { accept: 'text/event-stream', 'last-event-id': before };
      const response = await this.#http.request({ path, headers, signal });
      if (response.status === 204 || !response.body) return true;
      let id = before;
      for await (const messages of readEventStream(response.body)) {
        signal.throwIfAborted();
        speaks();
        cancelSilence();
        cancelSilence = silence(unreachable('The stream fell silent.'));
        id = messages.at(-1)?.id || id;
        this.#take(messages.flatMap(eventOf), id);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MillraceError && isRefusal(error) && token !== this.#http.token)) throw error;
    } finally {
      cancelSilence();
    }
    // An ended run's stream ends too, and asking once more is answered with 204; so does one whose token was replaced.
    // Another that brought nothing was cut.
    if (this.#after === before && token === this.#http.token) throw unreachable('The stream ended.');
    return false;
  }

  async #pages(signal: AbortSignal): Promise<boolean> {
    await this.#http.pause(this.#http.setup.policy.pollEvery, signal);
    const emit = ({ events, through }: EventRange) =>
      this.#take(events, formatCursor(parseCursor(this.#after, '').epoch, through));
    await readPages(this.#http, this.#run, this.#after, { signal, emit });
    return true;
  }

  /** Hands on what is new of a stretch that reaches to `next`. */
  #take(events: RunEvent[], next: string): void {
    const seq = parseCursor(this.#after, '').seq + 1;
    const { seq: through } = parseCursor(next, '');
    if (through < seq) return;
    this.#after = next;
    this.#reader.emit({ run: this.#run, seq, through, events: events.filter((event) => event.seq >= seq) });
  }
}

function eventOf({ event, data }: StreamMessage): RunEvent[] {
  if (event === 'problem') throw errorOf(JSON.parse(data) as Problem);
  if (event === 'gap') throw unreachable('The log has changed under the stream.');
  return event === 'message' && data !== '' ? [JSON.parse(data) as RunEvent] : [];
}
