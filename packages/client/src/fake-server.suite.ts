import { formatCursor } from '@millrace/protocol/cursor';
import { parseCursor } from '@millrace/protocol/cursor-text';
import { MillraceError, toProblem } from '@millrace/protocol/error';
import type { RunEvent } from '@millrace/protocol/event';
import { fold } from '@millrace/protocol/fold';
import { type ClientFrame, filterKey, passes, type RunFilter, type ServerFrame } from '@millrace/protocol/frame';
import { emptyView, type RunSummary, type RunView } from '@millrace/protocol/view';
// Loaded before the first test, or a client on a simulated clock would wait for the disk.
import './api.ts';
import './command-delivery.ts';
import './history.ts';
import './transport-polling.ts';
import './transport-sse.ts';

/** A log that tells something of every kind: it starts, logs, streams an agent, and goes on as long as asked. */
export function sampleEvent(seq: number): RunEvent {
  const at = 1_800_000_000_000 + seq;
  if (seq === 1) {
    const nodes = [{ id: 'a', task: 't' }];
    return { seq, at, type: 'run.created', data: { workflow: 'w', nodes, input: null } };
  }
  if (seq === 2) return { seq, at, type: 'node.started', node: 'a', attempt: 1, data: {} };
  const of = { seq, at, node: 'a', attempt: 1 };
  const agent = { agentId: 'g', messageId: 'm' };
  if (seq === 3) return { ...of, type: 'agent.started', data: agent };
  if (seq % 3 === 0) return { ...of, type: 'log', data: { level: 'info', message: `line ${seq}` } };
  return { ...of, type: 'agent.token', data: { ...agent, text: `${seq} ` } };
}

export function foldAll(run: string, events: readonly RunEvent[]): RunView {
  return events.reduce((view, event) => fold(view, event), emptyView(run));
}

interface Subscription {
  run: string;
  filter: RunFilter | undefined;
  cursor: number;
}

/** One socket as the server sees it, with everything that ever went over it. */
export class FakeSocket {
  readonly sent: ServerFrame[] = [];
  readonly received: ClientFrame[] = [];
  readonly subscriptions = new Map<string, Subscription>();
  readonly lists = new Set<number>();
  readonly client: FakeWebSocket;
  greeted = false;

  constructor(client: FakeWebSocket) {
    this.client = client;
  }

  get open(): boolean {
    return this.client.readyState === 1;
  }

  send(...frames: ServerFrame[]): void {
    if (!this.open || frames.length === 0) return;
    this.sent.push(...frames);
    const text = JSON.stringify(frames.length === 1 ? frames[0] : frames);
    this.client.onmessage?.({ data: text } as MessageEvent);
  }

  cut(code = 1006, reason = ''): void {
    if (this.client.readyState === 3) return;
    this.client.readyState = 3;
    this.client.onclose?.({ code, reason } as CloseEvent);
  }
}

/** What the client holds: enough of a browser's WebSocket. */
class FakeWebSocket {
  readyState = 0;
  onopen: (() => void) | undefined;
  onmessage: ((event: MessageEvent) => void) | undefined;
  onclose: ((event: CloseEvent) => void) | undefined;
  onerror: (() => void) | undefined;
  readonly #server: FakeServer;
  readonly #socket = new FakeSocket(this);

  constructor(server: FakeServer) {
    this.#server = server;
    queueMicrotask(() => {
      if (this.readyState !== 0) return;
      if (!server.up || !server.webSockets) return this.#socket.cut();
      this.readyState = 1;
      server.sockets.push(this.#socket);
      this.onopen?.();
    });
  }

  send(text: string): void {
    if (this.readyState !== 1) return;
    const frame = JSON.parse(text) as ClientFrame;
    // As on a real socket, no answer comes before the call returns.
    queueMicrotask(() => {
      if (this.readyState !== 1) return;
      this.#socket.received.push(frame);
      this.#server.receive(this.#socket, frame);
    });
  }

  close(): void {
    this.readyState = 3;
  }
}

/** A server in memory: the native frames and the HTTP routes that a client uses, on logs that the test writes. */
export class FakeServer {
  epoch = 'e1';
  up = true;
  webSockets = true;
  streams = true;
  /** answers pings */
  answers = true;
  token = 'good';
  /** seconds; not 0 = HTTP is answered with 503 and this Retry-After */
  busyFor = 0;
  /** events per range */
  page = 1_000;
  readonly sockets: FakeSocket[] = [];
  readonly logs = new Map<string, RunEvent[]>();
  readonly requests: { method: string; path: string; headers: Headers; body: unknown }[] = [];
  readonly WebSocket = serverSocket(this) as unknown as typeof WebSocket;
  readonly #streams = new Set<() => void>();
  /** what commands are answered with; undefined = not at all */
  onCommand: ((frame: Extract<ClientFrame, { type: 'command' }>) => ServerFrame | undefined) | undefined;

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('Nobody has connected.');
    return socket;
  }

  get open(): FakeSocket[] {
    return this.sockets.filter(({ open }) => open);
  }

  log(run: string): RunEvent[] {
    const log = this.logs.get(run) ?? [];
    this.logs.set(run, log);
    return log;
  }

  /** Writes the next `count` sample events of a run and sends them to whoever follows it. */
  append(run: string, count = 1): void {
    const log = this.log(run);
    for (let n = 0; n < count; n++) log.push(sampleEvent(log.length + 1));
    for (const socket of this.open) {
      for (const [key, subscription] of socket.subscriptions) if (subscription.run === run) this.#serve(socket, key);
      for (const list of socket.lists) socket.send({ type: 'row', list, row: this.row(run) });
    }
    for (const tell of this.#streams) tell();
  }

  row(run: string): RunSummary {
    const seq = this.log(run).length;
    return {
      ...{ id: run, workflow: 'w', status: 'running', seq, createdAt: 1, updatedAt: seq, tags: [], external: false },
      ...{ nodes: { ended: 0, total: 1 }, openWaits: 0 },
    };
  }

  receive(socket: FakeSocket, frame: ClientFrame): void {
    if (frame.type === 'hello') return this.#hello(socket, frame.token);
    if (frame.type === 'ping') {
      if (this.answers) socket.send({ type: 'pong', at: frame.at, now: frame.at });
      return;
    }
    if (!socket.greeted) return;
    switch (frame.type) {
      case 'subscribe':
        return this.#subscribe(socket, frame);
      case 'unsubscribe':
        socket.subscriptions.delete(filterKey(frame.run, frame.filter));
        return socket.send({ type: 'ok', id: frame.id });
      case 'list':
        socket.lists.add(frame.id);
        socket.send({ type: 'ok', id: frame.id });
        return socket.send({ type: 'rows', list: frame.id, rows: this.rows(), total: this.logs.size });
      case 'unlist':
        socket.lists.delete(frame.list);
        return socket.send({ type: 'ok', id: frame.id });
      case 'token':
        return socket.send({ type: 'ok', id: frame.id });
      case 'command': {
        const answer = this.onCommand?.(frame);
        if (answer) socket.send(answer);
      }
    }
  }

  rows(): RunSummary[] {
    return [...this.logs.keys()].reverse().map((run) => this.row(run));
  }

  #hello(socket: FakeSocket, token: string | undefined): void {
    if (token !== this.token) {
      socket.send({ type: 'error', problem: toProblem({ code: 'token_expired' }) });
      return socket.cut(4401, 'token_expired');
    }
    socket.greeted = true;
    socket.send({ type: 'hello', wire: 1, epoch: this.epoch, server: 's', heartbeat: 30_000, user: 'ada' });
  }

  #subscribe(socket: FakeSocket, { id, run, after, filter }: Extract<ClientFrame, { type: 'subscribe' }>): void {
    const log = this.logs.get(run);
    if (!log) return socket.send({ type: 'error', id, problem: toProblem({ code: 'run_not_found' }) });
    const key = filterKey(run, filter);
    const cursor = after === undefined ? undefined : parseCursor(after, this.epoch);
    const head = log.length;
    const subscription = { run, filter, cursor: cursor?.seq ?? head };
    socket.subscriptions.set(key, subscription);
    socket.send({ type: 'ok', id, key, head });
    const lost = cursor && (cursor.epoch !== this.epoch || cursor.seq > head);
    if (lost) socket.send({ type: 'gap', key, run, requested: after ?? '', earliest: 1, latest: head });
    if (!cursor || lost) {
      subscription.cursor = head;
      const seen = filter ? log.filter((event) => passes(event, filter)) : log;
      socket.send({ type: 'snapshot', key, run, seq: head, view: foldAll(run, seen) });
    } else this.#serve(socket, key);
  }

  #serve(socket: FakeSocket, key: string): void {
    const subscription = socket.subscriptions.get(key);
    if (!subscription) return;
    const { run, filter } = subscription;
    const log = this.log(run);
    while (socket.open && subscription.cursor < log.length) {
      const seq = subscription.cursor + 1;
      const through = Math.min(log.length, subscription.cursor + this.page);
      const events = log.slice(seq - 1, through).filter((event) => !filter || passes(event, filter));
      subscription.cursor = through;
      socket.send({ type: 'range', key, run, seq, through, events });
    }
  }

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { pathname, searchParams } = new URL(String(input));
    const headers = new Headers(init.headers);
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    this.requests.push({ method: init.method ?? 'GET', path: pathname, headers, body });
    await Promise.resolve();
    if (!this.up) throw new TypeError('fetch failed');
    if (this.busyFor > 0) return new Response('', { status: 503, headers: { 'retry-after': String(this.busyFor) } });
    if (pathname === '/api/health') {
      return Response.json({ status: 'ok', version: '0', wire: 1, epoch: this.epoch, server: 's', now: 0 });
    }
    if (headers.get('authorization') !== `Bearer ${this.token}`) return problem('token_expired');
    if (pathname === '/api/runs' && init.method !== 'POST') {
      return Response.json({ runs: this.rows(), total: this.logs.size });
    }
    const [, , , run = '', part] = pathname.split('/');
    const log = this.logs.get(run);
    if (init.method === 'POST') return Response.json({ ...(pathname === '/api/runs' && { id: 'new' }), seq: 7 });
    if (!log) return problem('run_not_found');
    if (part !== 'events') return Response.json(this.row(run));
    const after = headers.get('last-event-id') ?? searchParams.get('after') ?? '0';
    const cursor = parseCursor(after, this.epoch);
    if (cursor.epoch !== this.epoch || cursor.seq > log.length) {
      return problem('invalid_cursor', { requested: after, earliest: 1, latest: log.length });
    }
    if (headers.get('accept') === 'text/event-stream') return this.#stream(run, cursor.seq, init.signal);
    const through = Math.min(log.length, cursor.seq + Math.min(this.page, Number(searchParams.get('limit') ?? 500)));
    const events = log.slice(cursor.seq, through);
    const next = formatCursor(this.epoch, through);
    return Response.json({ run, seq: cursor.seq + 1, through, events, next, head: log.length, done: false });
  };

  #stream(run: string, after: number, signal: AbortSignal | null | undefined): Response {
    if (!this.streams) throw new TypeError('fetch failed');
    let cursor = after;
    const encoder = new TextEncoder();
    let tell = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        tell = () => {
          for (const event of this.log(run).slice(cursor)) {
            cursor = event.seq;
            const id = formatCursor(this.epoch, event.seq);
            controller.enqueue(encoder.encode(`id: ${id}\ndata: ${JSON.stringify(event)}\n\n`));
          }
        };
        this.#streams.add(tell);
        signal?.addEventListener('abort', () => {
          this.#streams.delete(tell);
          controller.error(signal.reason);
        });
        tell();
      },
      cancel: () => {
        this.#streams.delete(tell);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }
}

function serverSocket(server: FakeServer) {
  return class extends FakeWebSocket {
    constructor() {
      super(server);
    }
  };
}

function problem(
  code: 'token_expired' | 'run_not_found' | 'invalid_cursor',
  facts?: Record<string, unknown>,
): Response {
  const { row } = new MillraceError(code);
  return Response.json(toProblem({ code, ...(facts && { facts }) }), { status: row.http });
}

/** Lets everything that is already on its way arrive: promises, and streams, which take some turns. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}
