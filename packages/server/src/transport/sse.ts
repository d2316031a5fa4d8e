import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Clock, RunFilter } from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';
import type { Hub } from '../hub/face.ts';
import { sseEncoding } from './sse-encoding.ts';
import type { Connection } from './transport.ts';

/** ms between two comments that keep proxies from closing a silent stream */
const COMMENT_MS = 15_000;

export interface SseOptions {
  hub: Hub;
  clock: Clock;
  principal: Principal;
  run: string;
  /** a cursor; the request's `Last-Event-ID`, which a browser sends when it comes back, goes before it */
  after?: string;
  filter?: RunFilter;
  /** without a cursor: begin with an event `snapshot` instead of the first event */
  snapshot?: boolean;
  /** more headers of the answer, e.g. those of CORS */
  headers?: OutgoingHttpHeaders;
}

/**
 * Streams a run's events as Server-Sent Events: per event one message with `id:` = cursor and the event as JSON
 * data; a stretch that the reader may not see is an `id:` line alone. `gap` (followed by `snapshot`) where the
 * cursor cannot be served, `problem` where the stream ends by an error. The stream ends after an ended run's last
 * event, and coming back with that cursor is answered with 204, which tells a browser to stay away.
 * Nothing was written to `response` when this rejects: forbidden, run_not_found, invalid_cursor, shutting_down.
 */
export async function sse(request: IncomingMessage, response: ServerResponse, options: SseOptions): Promise<void> {
  const { hub, clock, principal, run, filter, snapshot } = options;
  const after = lastEventId(request) ?? options.after;
  const following = await hub.follow({ principal, run, after, filter, snapshot });
  if (after !== undefined && following.drained) {
    following.close();
    response.writeHead(204, options.headers).end();
    return;
  }
  if (response.destroyed) return following.close();
  response.writeHead(200, {
    ...options.headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  // A first byte tells a reader at once that no proxy holds the stream back.
  response.write(':\n\n');
  const cancelComments = comment(clock, response);
  // A reader who left is no error; `close` follows.
  response.on('error', () => {});
  response.on('close', () => {
    cancelComments();
    following.close();
  });
  following.start(new SseConnection(response), sseEncoding(hub.epoch));
}

class SseConnection implements Connection {
  readonly kind = 'sse';
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  write(message: Buffer): void {
    if (open(this.#response)) this.#response.write(message);
  }

  buffered(): number {
    return this.#response.writableLength;
  }

  onDrain(listener: () => void): void {
    if (this.#response.writableNeedDrain) this.#response.once('drain', listener);
    else setImmediate(listener);
  }

  close(): void {
    this.#response.end();
  }
}

function open(response: ServerResponse): boolean {
  return !response.writableEnded && !response.destroyed;
}

function comment(clock: Clock, response: ServerResponse): () => void {
  const next = (): (() => void) =>
    clock.after(COMMENT_MS, () => {
      if (open(response)) response.write(':\n\n');
      cancel = next();
    });
  let cancel = next();
  return () => cancel();
}

function lastEventId({ headers }: IncomingMessage): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}
