import { MillraceError } from '@millrace/protocol/error';
import { type ClientFrame, HEARTBEAT_MS, type ServerFrame } from '@millrace/protocol/frame';
import { errorOf } from './problem.ts';
import type { Closed, OpenTransport, Transport, TransportKind, TransportSetup } from './transport.ts';
import { openPolling } from './transport-polling.ts';
import { openSse } from './transport-sse.ts';
import { openWebSocket } from './transport-websocket.ts';

const openers: Record<TransportKind, OpenTransport> = {
  websocket: openWebSocket,
  sse: openSse,
  polling: openPolling,
};

export type Hello = Extract<ServerFrame, { type: 'hello' }>;

export interface SessionListener {
  greeted(hello: Hello): void;
  frames(frames: ServerFrame[]): void;
  /** once, and never after `close()` */
  ended(why: Closed): void;
}

/** One transport from its first hello to its end: greeting in time, heartbeat, goodbye. */
export class Session {
  readonly kind: TransportKind;
  readonly #setup: TransportSetup;
  readonly #listener: SessionListener;
  #transport: Transport | undefined;
  #greeted = false;
  #ended = false;
  #unanswered = 0;
  #cancelTimer: () => void;

  constructor(kind: TransportKind, setup: TransportSetup, listener: SessionListener) {
    this.kind = kind;
    this.#setup = setup;
    this.#listener = listener;
    const { platform, policy } = setup;
    this.#cancelTimer = platform.clock.after(policy.openTimeout, () =>
      this.#end({ error: unreachable(`The server did not answer within ${policy.openTimeout} ms.`) }),
    );
    try {
      this.#transport = openers[kind](setup, {
        frames: (frames) => this.#receive(frames),
        closed: (why) => this.#end(why),
      });
      this.#transport.send({ type: 'hello', token: setup.token, client: 'millrace-client' });
    } catch (error) {
      // A page that forbids this transport says so at once; whoever made the session must have it in hand first.
      this.#cancelTimer();
      this.#cancelTimer = platform.clock.after(0, () => this.#end({ error: unreachable(String(error)) }));
    }
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  send(frame: ClientFrame): void {
    this.#transport?.send(frame);
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer();
    this.#transport?.close();
  }

  #receive(frames: ServerFrame[]): void {
    if (this.#ended) return;
    this.#unanswered = 0;
    const hello = frames.find((frame) => frame.type === 'hello');
    if (hello && !this.#greeted) {
      this.#greeted = true;
      this.#cancelTimer();
      this.#beat(hello.heartbeat || HEARTBEAT_MS);
      this.#listener.greeted(hello);
    }
    if (this.#greeted) this.#listener.frames(frames);
    const end = frames.map(endOf).find((why) => why !== undefined);
    if (end) this.#end(end);
  }

  #beat(ms: number): void {
    const { clock } = this.#setup.platform;
    this.#cancelTimer = clock.after(ms, () => {
      if (this.#unanswered === 2) return this.#end({ error: unreachable('The server fell silent.') });
      this.#unanswered += 1;
      this.send({ type: 'ping', at: clock.now() });
      this.#beat(ms);
    });
  }

  #end(why: Closed): void {
    if (this.#ended) return;
    this.close();
    this.#listener.ended(why);
  }
}

/** How a frame ends the connection, if it does: a goodbye, or a refusal of the token. */
function endOf(frame: ServerFrame): Closed | undefined {
  if (frame.type !== 'bye' && (frame.type !== 'error' || frame.id !== undefined || frame.key !== undefined))
    return undefined;
  const error = frame.problem ? errorOf(frame.problem) : undefined;
  const refused = error?.code === 'unauthorized' || error?.code === 'token_expired';
  if (frame.type === 'error' && !refused) return undefined;
  const seconds = Number(frame.problem?.retryAfter ?? 0);
  return { refused, ...(error && { error }), ...(seconds > 0 && { retryAfter: seconds * 1000 }) };
}

export function unreachable(detail: string): MillraceError {
  return new MillraceError('unreachable', { detail });
}
