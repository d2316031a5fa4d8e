import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, HEARTBEAT_MS, MillraceError, SUBPROTOCOL, toProblem } from '@millrace/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Auth } from '../auth/auth.ts';
import type { Gate } from '../auth/gate.ts';
import { type Hub, MESSAGE_LIMIT, type Session } from '../hub/face.ts';
import { WebSocketConnection } from './websocket-connection.ts';

/** ms that a connection without a token has for sending one in its `hello` */
const HELLO_MS = 5_000;
/** heartbeats without any sign of life after which a connection is dead */
const MISSED_HEARTBEATS = 2;

export interface WebSocketOptions {
  hub: Hub;
  auth: Pick<Auth, 'verify'>;
  clock: Clock;
  gate: Pick<Gate, 'check'>;
}

/** Serves the native frames. Whoever owns the HTTP server's routes hands it the upgrades of its path. */
export interface WebSocketHandler {
  readonly path: '/live';
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/**
 * The token comes from `Authorization`, `?token=`, a subprotocol `bearer.TOKEN` beside `millrace.v1`, or from a
 * first frame `hello {token}` within 5 s. Refusals are told on the socket, because a browser cannot read the
 * answer to an upgrade: an `error` frame, then the error's close code. Heartbeat: a ping every 30 s; after two
 * without a sign of life the connection is cut. Messages over 1 MB close with 1009.
 */
export function createWebSocketHandler(options: WebSocketOptions): WebSocketHandler {
  const sockets = new WebSocketServer({
    noServer: true,
    // Deflating per socket costs four times the delivery itself (STACK, measured).
    perMessageDeflate: false,
    maxPayload: MESSAGE_LIMIT,
    clientTracking: false,
    handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  });
  let connections = 0;
  return {
    path: '/live',
    upgrade(request, socket, head) {
      sockets.handleUpgrade(request, socket, head, (ws) => {
        connections += 1;
        serve(options, request, ws, new WebSocketConnection(`ws-${connections}`, ws, socket));
      });
    },
  };
}

/** One socket: first whoever proves who they are, then frames for the hub. */
function serve(
  options: WebSocketOptions,
  request: IncomingMessage,
  ws: WebSocket,
  connection: WebSocketConnection,
): void {
  const { hub, auth, clock, gate } = options;
  let session: Session | undefined;
  let verifying = false;
  /** what arrives while the token is being verified */
  let early: string[] = [];
  let earlyBytes = 0;

  const refuse = (error: unknown) => {
    const refusal = error instanceof MillraceError ? error : new MillraceError('internal');
    connection.write(Buffer.from(JSON.stringify({ type: 'error', problem: toProblem(refusal) })));
    connection.close(refusal.row.close ?? 1011, refusal.code);
  };
  const verify = async (token: string | undefined) => {
    verifying = true;
    const principal = await auth.verify(token);
    cancelHello();
    if (!connection.open) return;
    session = hub.connect(principal, connection);
    for (const text of early) session.receive(text);
    early = [];
  };
  const cancelHello = clock.after(HELLO_MS, () =>
    refuse(new MillraceError('unauthorized', { detail: 'No token came within 5 s of connecting.' })),
  );

  const cancelHeartbeat = beat(clock, ws);
  ws.on('message', (data) => {
    if (!connection.open) return;
    const text = data.toString();
    if (session) return session.receive(text);
    if (verifying) {
      earlyBytes += text.length;
      early.push(text);
      if (earlyBytes > MESSAGE_LIMIT) refuse(new MillraceError('payload_too_large'));
      return;
    }
    verify(tokenOfHello(text)).catch(refuse);
  });
  // ws answers a broken or too large frame with its close code; what is left to do comes with `close`.
  ws.on('error', () => {});
  ws.on('close', () => {
    cancelHello();
    cancelHeartbeat();
    session?.closed();
  });

  try {
    gate.check(request.headers);
  } catch (error) {
    return refuse(error);
  }
  const token = tokenOfRequest(request);
  if (token !== undefined) verify(token).catch(refuse);
}

/** Pings until cancelled; cuts the connection that showed no life between enough of them. */
function beat(clock: Clock, ws: WebSocket): () => void {
  let missed = 0;
  const alive = () => {
    missed = 0;
  };
  ws.on('pong', alive);
  ws.on('message', alive);
  const next = (): (() => void) =>
    clock.after(HEARTBEAT_MS, () => {
      if (missed >= MISSED_HEARTBEATS) return ws.terminate();
      missed += 1;
      ws.ping();
      cancel = next();
    });
  let cancel = next();
  return () => cancel();
}

function tokenOfRequest({ headers, url }: IncomingMessage): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer) return bearer;
  const query = URL.parse(url ?? '', 'http://localhost')?.searchParams.get('token');
  if (query) return query;
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  return offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length);
}

/** undefined where the text is no `hello` with a token: verifying that is refused as it should be. */
function tokenOfHello(text: string): string | undefined {
  try {
    const frame = JSON.parse(text) as { type?: unknown; token?: unknown } | null;
    return frame?.type === 'hello' && typeof frame.token === 'string' ? frame.token : undefined;
  } catch {
    return undefined;
  }
}
