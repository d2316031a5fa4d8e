import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, HEARTBEAT_MS, MillraceError, toProblem } from '@millrace/protocol';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Auth } from '../auth/auth.ts';
import type { Gate } from '../auth/gate.ts';
import { MESSAGE_LIMIT } from '../hub/face.ts';
import { Pulse } from './pulse.ts';
import type { SocketService } from './transport.ts';
import { gatherWrites, ViewerSocket } from './viewer-socket.ts';

/** ms that a connection without a token has for sending one in its first message */
const FIRST_MS = 5_000;
/** heartbeats without any sign of life after which a connection is dead */
const MISSED_HEARTBEATS = 2;
/** heartbeats that a connection may take nothing in */
const BLOCKED_HEARTBEATS = 10;

export interface SocketServerOptions {
  auth: Pick<Auth, 'verify'>;
  clock: Clock;
  gate: Pick<Gate, 'check'>;
}

/** Serves the upgrades of a path. Whoever owns the HTTP server's routes hands them over. */
export interface SocketHandler {
  readonly path: string;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/**
 * The token comes from `Authorization`, `?token=`, a subprotocol `bearer.TOKEN`, or from a first message within 5 s,
 * where the service reads one there. Refusals are told on the socket, then it is closed with the error's code.
 * Heartbeat: a ping every 30 s; after two without a sign of life the connection is cut. One that takes nothing in is
 * kept for five minutes: it may be asleep. Messages over 1 MB close with 1009; too many are answered `rate_limited`, and
 * close where they go on.
 */
export function createSocketServer(service: SocketService, { auth, clock, gate }: SocketServerOptions): SocketHandler {
  const { path, subprotocol } = service;
  const sockets = new WebSocketServer({
    noServer: true,
    WebSocket: ViewerSocket,
    // Deflating per socket costs four times the delivery itself (STACK, measured).
    perMessageDeflate: false,
    maxPayload: MESSAGE_LIMIT,
    clientTracking: false,
    handleProtocols: (offered) => chosen(offered, subprotocol),
  });
  const pulse = new Pulse<ViewerSocket>(clock, (socket, now) => {
    if (!socket.end && now >= socket.beatAt - HEARTBEAT_MS + FIRST_MS && socket.open) {
      return refuse(socket, new MillraceError('unauthorized', { detail: 'No token came within 5 s of connecting.' }));
    }
    if (now < socket.beatAt) return;
    socket.beatAt += HEARTBEAT_MS;
    // Whoever does not read cannot answer either: a ping would wait behind what waits already.
    socket.blocked = socket.buffered() > 0 ? socket.blocked + 1 : 0;
    if (socket.blocked > BLOCKED_HEARTBEATS) return socket.terminate();
    if (socket.blocked > 0) {
      socket.missed = 0;
      return;
    }
    if (socket.missed >= MISSED_HEARTBEATS) return socket.terminate();
    socket.missed += 1;
    if (!socket.open) return;
    socket.ping();
    socket.end?.beat?.();
  });

  function tell(socket: ViewerSocket, refusal: MillraceError): void {
    socket.write(Buffer.from(service.refusal(toProblem(refusal), socket.target, clock.now())));
  }

  function refuse(socket: ViewerSocket, error: unknown): void {
    const refusal = error instanceof MillraceError ? error : new MillraceError('internal');
    tell(socket, refusal);
    socket.close(refusal.row.close ?? 1011, refusal.code);
  }

  async function verify(socket: ViewerSocket, token: string | undefined): Promise<void> {
    socket.early = [];
    const principal = await auth.verify(token);
    if (!socket.open) return;
    socket.end = service.connect(principal, socket, socket.target);
    for (const text of socket.early) socket.end.receive(text);
    socket.early = undefined;
  }

  function receive(socket: ViewerSocket, text: string): void {
    if (!socket.open) return;
    const now = clock.now();
    if (!socket.flood.take(now)) return refuse(socket, new MillraceError('rate_limited'));
    if (!socket.rate.take(now)) return tell(socket, new MillraceError('rate_limited'));
    if (socket.end) return socket.end.receive(text);
    if (!socket.early) {
      verify(socket, service.tokenOf?.(text)).catch((error: unknown) => refuse(socket, error));
      return;
    }
    socket.early.push(text);
    socket.earlyBytes += text.length;
    if (socket.earlyBytes > MESSAGE_LIMIT) refuse(socket, new MillraceError('payload_too_large'));
  }

  // One function each for all sockets, which they are called on: a connection costs no closures.
  function onMessage(this: WebSocket, data: RawData): void {
    const socket = this as ViewerSocket;
    socket.missed = 0;
    if (socket.below) gatherWrites(socket.below);
    receive(socket, data.toString());
  }
  function onPong(this: WebSocket): void {
    (this as ViewerSocket).missed = 0;
  }
  function onClose(this: WebSocket): void {
    const socket = this as ViewerSocket;
    pulse.delete(socket);
    socket.end?.closed();
  }

  function serve(socket: ViewerSocket, below: Duplex, request: IncomingMessage): void {
    socket.below = below;
    socket.packets = service.packets === true;
    socket.target = request.url ?? '';
    socket.beatAt = clock.now() + HEARTBEAT_MS;
    pulse.add(socket);
    // ws answers a broken or too large frame with its close code; what is left to do comes with `close`.
    socket.on('error', ignore).on('message', onMessage).on('pong', onPong).on('close', onClose);
    try {
      gate.check(request.headers);
    } catch (error) {
      return refuse(socket, error);
    }
    const token = tokenOfRequest(request);
    if (token === undefined && service.tokenOf) return;
    verify(socket, token).catch((error: unknown) => refuse(socket, error));
  }

  return {
    path,
    upgrade(request, below, head) {
      gatherWrites(below);
      sockets.handleUpgrade(request, below, head, (socket) => serve(socket, below, request));
    },
  };
}

function ignore(): void {}

/** What is agreed on of what was offered: a browser closes a socket that chose nothing of what it offered. */
function chosen(offered: Set<string>, subprotocol: string | undefined): string | false {
  if (subprotocol !== undefined) return offered.has(subprotocol) && subprotocol;
  const [first] = offered;
  return first ?? false;
}

function tokenOfRequest({ headers, url }: IncomingMessage): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer) return bearer;
  const query = url?.indexOf('?') ?? -1;
  const token = query < 0 ? null : new URLSearchParams(url?.slice(query + 1)).get('token');
  if (token) return token;
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  return offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length);
}
