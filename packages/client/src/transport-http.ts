import { IDEMPOTENCY_HEADER } from '@millrace/protocol/command';
import { formatCursor, parseCursor } from '@millrace/protocol/cursor';
import { MillraceError, type Problem, toProblem } from '@millrace/protocol/error';
import { fold } from '@millrace/protocol/fold';
import {
  type ClientFrame,
  type EventPage,
  type EventRange,
  filterKey,
  HEARTBEAT_MS,
  passes,
  type RunFilter,
  type ServerFrame,
} from '@millrace/protocol/frame';
import type { Json } from '@millrace/protocol/json';
import { emptyView, type RunSummary } from '@millrace/protocol/view';
import { commandRequest, type Health } from './api.ts';
import { type HttpRequest, listParameters, send } from './http.ts';
import { errorOfResponse, retryAfterOf } from './problem.ts';
import type { Transport, TransportEvents, TransportKind, TransportSetup } from './transport.ts';

/** Reads a run's log from `cursor` on, for as long as there may be more; `emit` takes each stretch. */
export type ReadOn = (http: HttpTransport, run: string, cursor: string, reader: Reader) => Promise<void>;

export interface Reader {
  signal: AbortSignal;
  emit(range: EventRange): void;
}

const PAGE = 5_000;

/** An answer that ends the whole transport, not one request. */
class Fatal extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super(`HTTP ${response.status}`);
    this.response = response;
  }
}

/**
 * The frames over plain requests: what both SSE and polling share. A subscription without a cursor is answered
 * with a snapshot that is folded here from pages; lists are polled; commands are POSTed.
 */
export class HttpTransport implements Transport {
  readonly kind: TransportKind;
  readonly setup: TransportSetup;
  readonly #events: TransportEvents;
  readonly #readOn: ReadOn;
  readonly #all = new AbortController();
  readonly #readers = new Map<string | number, AbortController>();
  #token: string;
  #epoch = '';

  constructor(kind: TransportKind, setup: TransportSetup, events: TransportEvents, readOn: ReadOn) {
    this.kind = kind;
    this.setup = setup;
    this.#token = setup.token;
    this.#events = events;
    this.#readOn = readOn;
  }

  send(frame: ClientFrame): void {
    if (this.#all.signal.aborted) return;
    this.#answer(frame).catch((error: unknown) => this.#failed(frame, error));
  }

  close(): void {
    this.#all.abort();
  }

  /** Sends one request of this transport. Throws the server's MillraceError; what concerns all requests ends the transport. */
  async request(request: HttpRequest): Promise<Response> {
    const { platform, url } = this.setup;
    const response = await send(platform, url, this.#token, { signal: this.#all.signal, ...request });
    if (response.ok) return response;
    if (response.status === 401 || response.status === 429 || response.status >= 500) throw new Fatal(response);
    throw await errorOfResponse(response);
  }

  async page(run: string, after: string): Promise<EventPage> {
    const path = `/api/runs/${encodeURIComponent(run)}/events`;
    return (await (await this.request({ path, query: { after, limit: PAGE } })).json()) as EventPage;
  }

  /** Resolves after `ms`; rejects when `signal` aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.setup.platform.clock.after(ms, () => {
        signal.removeEventListener('abort', stop);
        resolve();
      });
      const stop = () => {
        cancel();
        reject(signal.reason);
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }

  async #answer(frame: ClientFrame): Promise<void> {
    switch (frame.type) {
      case 'hello':
        return this.#hello();
      case 'ping':
        await this.request({ path: '/api/health' });
        return this.#emit({ type: 'pong', at: frame.at, now: this.setup.platform.clock.now() });
      case 'token':
        this.#token = frame.token;
        return this.#emit({ type: 'ok', id: frame.id });
      case 'subscribe':
        return this.#subscribe(frame);
      case 'list':
        return this.#list(frame);
      case 'unsubscribe':
        return this.#stop(frame.id, filterKey(frame.run, frame.filter));
      case 'unlist':
        return this.#stop(frame.id, frame.list);
      case 'command': {
        const headers: Record<string, string> = frame.key === undefined ? {} : { [IDEMPOTENCY_HEADER]: frame.key };
        const request = { method: 'POST' as const, ...commandRequest(frame.run, frame.command), headers };
        const { seq, result } = (await (await this.request(request)).json()) as { seq: number; result?: Json };
        return this.#emit({ type: 'ok', id: frame.id, head: seq, ...(result !== undefined && { result }) });
      }
    }
  }

  async #hello(): Promise<void> {
    const { wire, epoch, server } = (await (await this.request({ path: '/api/health' })).json()) as Health;
    // Health needs no token, so this one request tells whether the token is good.
    await this.request({ path: '/api/runs', query: { limit: 1 } });
    this.#epoch = epoch;
    this.#emit({ type: 'hello', wire, epoch, server, heartbeat: HEARTBEAT_MS });
  }

  async #subscribe({ id, run, after, filter }: Extract<ClientFrame, { type: 'subscribe' }>): Promise<void> {
    const key = filterKey(run, filter);
    const signal = this.#open(key);
    const first = await this.#firstPage(run, after, key);
    if (signal.aborted) return;
    this.#emit({ type: 'ok', id, key, head: first.head });
    try {
      let cursor = after;
      if (cursor === undefined || first.gap) cursor = await this.#snapshot(run, key, filter, signal);
      const emit = (range: EventRange) => {
        const events = filter ? range.events.filter((event) => passes(event, filter)) : range.events;
        this.#emit({ type: 'range', key, run, seq: range.seq, through: range.through, events });
      };
      await this.#readOn(this, run, cursor, { signal, emit });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof MillraceError && error.code !== 'unreachable') {
        this.#emit({ type: 'error', key, problem: problemOf(error) });
      } else this.#end(error);
    }
  }

  /** Whether the log can be read from `after` on; where it cannot, the reader is told. */
  async #firstPage(run: string, after: string | undefined, key: string): Promise<{ head: number; gap: boolean }> {
    try {
      const path = `/api/runs/${encodeURIComponent(run)}/events`;
      const page = (await (await this.request({ path, query: { after: after ?? '0', limit: 1 } })).json()) as EventPage;
      return { head: page.head, gap: false };
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'invalid_cursor' || after === undefined) throw error;
      const latest = Number(error.facts?.latest ?? 0);
      this.#emit({ type: 'gap', key, run, requested: after, earliest: 1, latest });
      return { head: latest, gap: true };
    }
  }

  /** Folds the log as far as it goes, hands the view on, and answers the cursor behind it. */
  async #snapshot(run: string, key: string, filter: RunFilter | undefined, signal: AbortSignal): Promise<string> {
    let view = emptyView(run);
    let page: EventPage;
    let cursor = formatCursor(this.#epoch, 0);
    do {
      page = await this.page(run, cursor);
      signal.throwIfAborted();
      for (const event of page.events) if (!filter || passes(event, filter)) view = fold(view, event);
      cursor = page.next;
    } while (page.through < page.head);
    this.#emit({ type: 'snapshot', key, run, seq: parseCursor(cursor, this.#epoch).seq, view });
    return cursor;
  }

  async #list({ id, query }: Extract<ClientFrame, { type: 'list' }>): Promise<void> {
    const signal = this.#open(id);
    for (let answered = false; !signal.aborted; answered = true) {
      const response = await this.request({ path: '/api/runs', query: listParameters({ ...query }) });
      const { runs, total } = (await response.json()) as { runs: RunSummary[]; total: number };
      if (signal.aborted) return;
      if (!answered) this.#emit({ type: 'ok', id });
      this.#emit({ type: 'rows', list: id, rows: runs, total });
      await this.pause(this.setup.policy.pollEvery, signal);
    }
  }

  #open(key: string | number): AbortSignal {
    this.#readers.get(key)?.abort();
    const reader = new AbortController();
    this.#readers.set(key, reader);
    return AbortSignal.any([reader.signal, this.#all.signal]);
  }

  #stop(id: number, key: string | number): void {
    this.#readers.get(key)?.abort();
    this.#readers.delete(key);
    this.#emit({ type: 'ok', id });
  }

  #emit(frame: ServerFrame): void {
    if (!this.#all.signal.aborted) this.#events.frames([frame]);
  }

  /** One frame could not be answered: the server's refusal is its answer, anything else ends the transport. */
  #failed(frame: ClientFrame, error: unknown): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    if (error instanceof MillraceError && error.code !== 'unreachable' && 'id' in frame) {
      this.#emit({ type: 'error', id: frame.id, problem: problemOf(error) });
    } else this.#end(error);
  }

  #end(error: unknown): void {
    if (this.#all.signal.aborted) return;
    this.#all.abort();
    if (!(error instanceof Fatal)) {
      const known = error instanceof MillraceError;
      return this.#events.closed({
        error: known ? error : new MillraceError('unreachable', { detail: String(error) }),
      });
    }
    const { response } = error;
    const retryAfter = retryAfterOf(response, this.setup.platform.clock.now());
    errorOfResponse(response).then(
      (problem) => this.#events.closed({ refused: response.status === 401, retryAfter, error: problem }),
      () => this.#events.closed({ refused: response.status === 401, retryAfter }),
    );
  }
}

function problemOf({ code, detail, facts }: MillraceError): Problem {
  return toProblem({ code, ...(detail !== undefined && { detail }), ...(facts && { facts }) });
}
