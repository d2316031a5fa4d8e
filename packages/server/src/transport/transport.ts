import type { Problem } from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';

/**
 * One connection of one viewer, as the hub sees it. A transport only moves bytes: it knows nothing of runs.
 * The hub hands `write` what a turn produced for this connection as one message, and a page that it has in memory as another.
 */
export interface Connection {
  readonly kind: 'websocket' | 'sse' | 'socketio' | 'polling';
  /** Sends one text message. The same Buffer may be given to many connections: it is never changed. */
  write(message: Buffer): void;
  /** Bytes that were written and have not left the process. */
  buffered(): number;
  /** Calls `listener` once, when everything written so far has left. */
  onDrain(listener: () => void): void;
  close(code: number, reason: string): void;
}

/** Between the packets of one message of a dialect. JSON text never holds this byte. */
export const PACKET_END = 0x1e;

/**
 * A socket of a namespace. What it is given to write are packets, each the JSON text of `["event", data]`, joined by
 * {@link PACKET_END}. `close` closes the transport, so that a stock client comes back by itself.
 */
export interface NamespaceSocket extends Connection {
  /** what the client says that it has received, in the words of `offset`; undefined = it begins anew */
  readonly recovered: string | undefined;
  /**
   * Asked once per write: where a client stands that has received all of it. It goes out behind the write, as the last
   * argument of an event of its own, which Socket.IO's own recovery hands back; behind an empty write, alone.
   * undefined = nothing goes out.
   */
  offset: (() => string | undefined) | undefined;
}

/** What a namespace holds for one socket. */
export interface SocketSession {
  /** One event of the client. Never throws. `ack` is there where the client waits for an answer; it may be called once. */
  receive(event: string, args: readonly unknown[], ack?: (answer: unknown) => void): void;
  /** The socket is gone: everything that was held for it is let go. */
  closed(): void;
}

/** A dialect's place among the namespaces of one Socket.IO server. The transport has checked origin and token. */
export interface Namespace {
  readonly name: string;
  /** Whether a client can go on from there; pure. Where not, it begins anew. Default: from anywhere. */
  accepts?(offset: string): boolean;
  connect(principal: Principal, socket: NamespaceSocket): SocketSession;
}

/** What is spoken on the raw WebSockets of a path. */
export interface SocketService {
  /** where it ends in a slash, of all below it too */
  readonly path: string;
  readonly subprotocol?: string;
  /** true = what is written are packets, and each goes out as a message of its own */
  readonly packets?: boolean;
  /** What a bearer is answered with who has connected to `target`, a path with its query. */
  connect(principal: Principal, socket: Connection, target: string): SocketEnd;
  /** What tells a refusal, at `at` (ms), before the close: a browser cannot read the answer to an upgrade. */
  refusal(problem: Problem, target: string, at: number): string;
  /** The token of a first message; without it a connection that brings none is refused at once. */
  tokenOf?(text: string): string | undefined;
}

/** The server's end of one raw WebSocket. */
export interface SocketEnd {
  /** One message of the client. Never throws; a bad one is answered. */
  receive(text: string): void;
  /** Called every 30 s. */
  beat?(): void;
  /** The connection is gone: everything that it held is let go. */
  closed(): void;
}
