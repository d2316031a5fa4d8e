import { IDEMPOTENCY_HEADER } from '@millrace/protocol/command';
import { formatCursor } from '@millrace/protocol/cursor';
import { parseCursor } from '@millrace/protocol/cursor-text';
import { MillraceError } from '@millrace/protocol/error-code';
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
import { toProblem } from '@millrace/protocol/problem';
import { emptyView, type RunSummary } from '@millrace/protocol/view';
import { commandRequest, type Health } from './api.ts';
import { type HttpRequest, send } from './http.ts';
import { listParameters } from './list-parameters.ts';
import { isRefusal, unreachable } from './problem.ts';
import { errorOfResponse, retryAfterOf } from './refused-response.ts';
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

/** What was opened answers, and yet nothing comes through it. */
export class Mute extends Error {}

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

  get token(): string {
    return this.#token;
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
        if ((await this.#health()).epoch !== this.#epoch) throw unreachable('The server has another history now.');
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
        const request = { method: 'POST' as const, ...commandRequest(frame.run, frame.command, frame.ctl), headers };
        const { seq, result } = (await (await this.request(request)).json()) as { seq: number; result?: Json };
        return this.#emit({ type: 'ok', id: frame.id, head: seq, ...(result !== undefined && { result }) });
      }
    }
  }

  async #hello(): Promise<void> {
    const { wire, epoch, server } = await this.#health();
    // Health needs no token, so this one request tells whether the token is good.
    await this.request({ path: '/api/runs', query: { limit: 1 } });
    this.#epoch = epoch;
    this.#emit({ type: 'hello', wire, epoch, server, heartbeat: HEARTBEAT_MS });
  }

  async #health(): Promise<Health> {
    return (await (await this.request({ path: '/api/health' })).json()) as Health;
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
      if (isAnswer(error)) this.#emit({ type: 'error', key, problem: toProblem(error) });
      else this.#end(error);
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
    if (isAnswer(error) && 'id' in frame) this.#emit({ type: 'error', id: frame.id, problem: toProblem(error) });
    else this.#end(error);
  }

  #end(error: unknown): void {
    if (this.#all.signal.aborted) return;
    this.#all.abort();
    if (!(error instanceof Fatal)) {
      const known = error instanceof MillraceError ? error : unreachable(String(error));
      return this.#events.closed({ refused: isRefusal(known), unfit: error instanceof Mute, error: known });
    }
    const { response } = error;
    const retryAfter = retryAfterOf(response, this.setup.platform.clock.now());
    errorOfResponse(response).then(
      (problem) => this.#events.closed({ refused: response.status === 401, retryAfter, error: problem }),
      () => this.#events.closed({ refused: response.status === 401, retryAfter }),
    );
  }
}

/** Not about one request: there is no connection, or the cursors that it began with are of another history. */
const ofAll = new Set<string>(['unreachable', 'invalid_cursor']);

/** Whether the server has refused this one request; anything else concerns them all. */
function isAnswer(error: unknown): error is MillraceError {
  return error instanceof MillraceError && !ofAll.has(error.code) && !isRefusal(error);
}
