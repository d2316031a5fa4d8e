import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@millrace/protocol/clock';
import { Server } from 'socket.io';
import msgpackParser from 'socket.io-msgpack-parser';
import type { Auth } from '../../auth/auth.ts';
import { MESSAGE_LIMIT } from '../../hub/face.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Namespace } from '../transport.ts';
import { openNamespace } from './namespace-place.ts';
import { recovery } from './recovery.ts';
import { DEFLATED_ABOVE, jsonSpelling, msgpackSpelling } from './spelling.ts';
import { type EngineSocket, Wire } from './wire.ts';

/** ms that a connection has for entering its first namespace */
const ENTER_MS = 10_000;
const PING_MS = 25_000;

export interface EngineOptions {
  namespaces: readonly Namespace[];
  auth: Pick<Auth, 'verify'>;
  clock: Clock;
  metrics: Metrics;
  connections: Record<string, number>;
  newSid(): string;
  pingInterval?: number | undefined;
}

/** One Socket.IO server without a port of its own. */
export interface Engine {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

/** The same namespaces in Socket.IO's default format, or in MessagePack. */
export function createEngine(format: 'json' | 'msgpack', options: EngineOptions): Engine {
  const { namespaces, auth, clock, metrics, connections, newSid, pingInterval = PING_MS } = options;
  const binary = format === 'msgpack';
  const wires = new WeakMap<EngineSocket, Wire>();
  const accepts = (name: string, offset: string) =>
    namespaces.find((one) => one.name === name)?.accepts?.(offset) ?? true;
  const io = new Server({
    serveClient: false,
    transports: ['polling', 'websocket'],
    maxHttpBufferSize: MESSAGE_LIMIT,
    connectTimeout: ENTER_MS,
    pingInterval,
    // What a client remembers is lost with every message: zlib's memory is not kept per connection.
    perMessageDeflate: { threshold: DEFLATED_ABOVE, serverNoContextTakeover: true, clientNoContextTakeover: true },
    httpCompression: { threshold: DEFLATED_ABOVE },
    // A client that comes back is asked for its token again.
    connectionStateRecovery: { skipMiddlewares: false },
    adapter: recovery(accepts),
    ...(binary ? { parser: msgpackParser } : {}),
  });
  for (const namespace of namespaces) {
    const spelling = (binary ? msgpackSpelling : jsonSpelling)(namespace.name);
    const wireOf = (conn: EngineSocket) => wires.get(conn);
    openNamespace(io.of(namespace.name), { namespace, spelling, auth, metrics, wireOf });
  }
  // It never listens: whoever has the ports hands requests over.
  io.attach(createServer());
  const { engine } = io;
  engine.generateId = newSid;
  engine.on('connection', (conn: EngineSocket) => {
    wires.set(conn, new Wire(conn, { clock, metrics, binary, connections, token: tokenOfRequest(conn.request) }));
    forget(conn);
  });

  return {
    request: (request, response) => engine.handleRequest(request, response),
    upgrade(request, socket, head) {
      // Our deflated frames look back as far as deflate can; a client that wants less gets them plain.
      if (request.headers['sec-websocket-extensions']?.includes('server_max_window_bits')) {
        delete request.headers['sec-websocket-extensions'];
      }
      engine.handleUpgrade(request, socket, head);
    },
    close: () => void engine.close(),
  };
}

/** Nobody asks for the first request again, which would be held as long as the connection is. */
function forget(conn: { request: unknown }): void {
  conn.request = null;
}

function tokenOfRequest({ headers, url }: IncomingMessage): string | undefined {
  const query = URL.parse(url ?? '', 'http://localhost')?.searchParams.get('token');
  return query || /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}
