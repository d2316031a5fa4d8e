import type { ClientFrame, EventPage, RunEvent, ServerFrame } from '@millrace/protocol';
import { rangePiece, type Stretch } from './stretch.ts';

/**
 * Listens in on all connections of one client, below it: its WebSocket and its `fetch` stand in the client's platform.
 * What comes is parsed here a second time, by other code than the client's.
 */
export class Recorder {
  readonly stretches: Stretch[] = [];
  /** what came where nothing had been asked for */
  readonly strays: string[] = [];
  readonly connections = { websocket: 0, sse: 0, page: 0 };
  readonly #client: number;

  constructor(client: number) {
    this.#client = client;
  }

  get WebSocket(): typeof WebSocket {
    const record = () => {
      this.connections.websocket += 1;
      return new SocketRecord(this.#client, this.stretches, this.strays);
    };
    return class extends WebSocket {
      readonly #record = record();

      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener('message', ({ data }) => this.#record.received(String(data)));
      }

      override send(data: string): void {
        this.#record.sent(data);
        super.send(data);
      }
    };
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const url = new URL(String(input));
    const [, run] = /^\/api\/runs\/([^/]+)\/events$/.exec(url.pathname) ?? [];
    const response = await fetch(input, init);
    if (run === undefined || !response.body || !response.ok) return response;
    const headers = new Headers(init?.headers);
    const transport = headers.get('accept') === 'text/event-stream' ? 'sse' : 'page';
    const stretch: Stretch = {
      ...{ client: this.#client, transport, run: decodeURIComponent(run) },
      after: seqOf(headers.get('last-event-id') ?? url.searchParams.get('after') ?? '0'),
      pieces: [],
    };
    this.connections[transport] += 1;
    this.stretches.push(stretch);
    const read = transport === 'sse' ? streamReader(stretch) : pageReader(stretch);
    return new Response(response.body.pipeThrough(read), response);
  };
}

/** One WebSocket: which of its subscriptions each frame belongs to. */
class SocketRecord {
  readonly #client: number;
  readonly #stretches: Stretch[];
  readonly #strays: string[];
  readonly #asked = new Map<number, ClientFrame>();
  readonly #open = new Map<string, Stretch>();

  constructor(client: number, stretches: Stretch[], strays: string[]) {
    this.#client = client;
    this.#stretches = stretches;
    this.#strays = strays;
  }

  sent(text: string): void {
    for (const frame of framesOf<ClientFrame>(text)) if ('id' in frame) this.#asked.set(frame.id, frame);
  }

  received(text: string): void {
    for (const frame of framesOf<ServerFrame>(text)) this.#take(frame);
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'ok':
        return this.#answered(this.#asked.get(frame.id), frame.key ?? '');
      case 'snapshot':
        this.#of(frame)?.pieces.push({ kind: 'snapshot', seq: frame.seq });
        return;
      case 'gap':
        this.#of(frame)?.pieces.push({ kind: 'gap', requested: frame.requested, latest: frame.latest });
        return;
      case 'range':
        this.#of(frame)?.pieces.push(rangePiece(frame.seq, frame.through, frame.events));
    }
  }

  #answered(asked: ClientFrame | undefined, key: string): void {
    if (asked?.type === 'unsubscribe') this.#open.delete(key);
    if (asked?.type !== 'subscribe') return;
    const { run, filter, after } = asked;
    const stretch: Stretch = {
      ...{ client: this.#client, transport: 'websocket', run, pieces: [] },
      ...(filter && { filter }),
      ...(after !== undefined && { after: seqOf(after) }),
    };
    this.#open.set(key, stretch);
    this.#stretches.push(stretch);
  }

  #of({ type, key }: { type: string; key: string }): Stretch | undefined {
    const stretch = this.#open.get(key);
    if (!stretch) this.#strays.push(`client ${this.#client} got a ${type} of ${key} unasked`);
    return stretch;
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Records a stream's messages as they become whole; what was cut in the middle was never told. */
function streamReader(stretch: Stretch): TransformStream<Bytes, Bytes> {
  const decoder = new TextDecoder();
  let rest = '';
  let told = stretch.after ?? 0;
  const message = (text: string) => {
    const field = (name: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).trimStart())
        .join('\n');
    const [id, event, data] = [field('id'), field('event'), field('data')];
    if (event === 'gap') {
      const { requested, latest } = JSON.parse(data) as { requested: string; latest: number };
      stretch.pieces.push({ kind: 'gap', requested, latest });
    } else if (event === 'snapshot') {
      told = seqOf(id);
      stretch.pieces.push({ kind: 'snapshot', seq: told });
    } else if (id !== '') {
      const events = data === '' ? [] : [JSON.parse(data) as RunEvent];
      const first = events[0]?.seq ?? told + 1;
      told = seqOf(id);
      stretch.pieces.push(rangePiece(first, told, events));
    }
  };
  return new TransformStream({
    transform(chunk, controller) {
      const messages = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = messages.pop() ?? '';
      for (const text of messages) message(text);
      controller.enqueue(chunk);
    },
  });
}

/** Records a page once it has come whole. */
function pageReader(stretch: Stretch): TransformStream<Bytes, Bytes> {
  const decoder = new TextDecoder();
  let text = '';
  return new TransformStream({
    transform(chunk, controller) {
      text += decoder.decode(chunk, { stream: true });
      controller.enqueue(chunk);
    },
    flush() {
      const { seq, through, events } = JSON.parse(text) as EventPage;
      // An empty page covers nothing.
      if (through >= seq) stretch.pieces.push(rangePiece(seq, through, events));
    },
  });
}

function framesOf<T>(text: string): T[] {
  const frames = JSON.parse(text) as T | T[];
  return Array.isArray(frames) ? frames : [frames];
}

/** The seq of a cursor, `EPOCH:SEQ` or bare. */
function seqOf(cursor: string): number {
  return Number(cursor.slice(cursor.lastIndexOf(':') + 1));
}
