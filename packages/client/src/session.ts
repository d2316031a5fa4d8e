import { type ClientFrame, HEARTBEAT_MS, type ServerFrame } from '@millrace/protocol/frame';
import { errorOf, isRefusal, unreachable } from './problem.ts';
import type { Closed, OpenTransport, Transport, TransportKind, TransportSetup } from './transport.ts';

/** unanswered heartbeats after which the connection is dead */
const LOST_HEARTBEATS = 2;

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
  #heartbeat = HEARTBEAT_MS;
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
    setup
      .opener(kind)
      .then((open) => this.#open(open))
      // A page that forbids this transport, or that cannot fetch its code.
      .catch((error: unknown) => this.#end({ error: unreachable(String(error)) }));
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  send(frame: ClientFrame): void {
    this.#transport?.send(frame);
  }

  /** Who was away asks whether the server still hears, and does not wait for the next heartbeat to find out. */
  check(): void {
    this.#cancelTimer();
    this.#unanswered = LOST_HEARTBEATS;
    this.#ping();
    this.#beat(this.#setup.policy.checkTimeout);
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer();
    this.#transport?.close();
  }

  #open(open: OpenTransport): void {
    if (this.#ended) return;
    this.#transport = open(this.#setup, {
      frames: (frames) => this.#receive(frames),
      closed: (why) => this.#end(why),
    });
    this.#transport.send({ type: 'hello', token: this.#setup.token, client: 'millrace-client' });
  }

  #receive(frames: ServerFrame[]): void {
    if (this.#ended) return;
    this.#unanswered = 0;
    const hello = frames.find((frame) => frame.type === 'hello');
    if (hello && !this.#greeted) {
      this.#greeted = true;
      this.#cancelTimer();
      this.#heartbeat = hello.heartbeat || HEARTBEAT_MS;
      this.#beat(this.#heartbeat);
      this.#listener.greeted(hello);
    }
    if (this.#greeted) this.#listener.frames(frames);
    const end = frames.map(endOf).find((why) => why !== undefined);
    if (end) this.#end(end);
  }

  #beat(ms: number): void {
    this.#cancelTimer = this.#setup.platform.clock.after(ms, () => {
      if (this.#unanswered === LOST_HEARTBEATS) return this.#end({ error: unreachable('The server fell silent.') });
      this.#unanswered += 1;
      this.#ping();
      this.#beat(this.#heartbeat);
    });
  }

  #ping(): void {
    this.send({ type: 'ping', at: this.#setup.platform.clock.now() });
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
  const refused = isRefusal(error);
  if (frame.type === 'error' && !refused) return undefined;
  const seconds = Number(frame.problem?.retryAfter ?? 0);
  return { refused, ...(error && { error }), ...(seconds > 0 && { retryAfter: seconds * 1000 }) };
}
