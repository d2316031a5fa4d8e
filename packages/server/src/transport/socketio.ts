import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@millrace/protocol/clock';
import type { Auth } from '../auth/auth.ts';
import type { Gate } from '../auth/gate.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { admitsRequest, admitsUpgrade } from './socketio/door.ts';
import { createEngine, type Engine } from './socketio/engine.ts';
import { type Cluster, OwnedSids } from './socketio/owned-sid.ts';
import { PassingOn } from './socketio/passing-on.ts';
import type { Namespace } from './transport.ts';

const formats = { '/socket.io/': 'json', '/socket.io-msgpack/': 'msgpack' } as const;
type Path = keyof typeof formats;

export interface SocketIoOptions {
  namespaces: readonly Namespace[];
  auth: Pick<Auth, 'verify'>;
  gate: Gate;
  clock: Clock;
  metrics: Metrics;
  /** ms between two pings of a connection; default 25,000 */
  pingInterval?: number;
  /** where several servers stand behind one address; polling then needs no affinity */
  cluster?: Cluster;
}

/** Serves Socket.IO's clients. Whoever owns the HTTP server hands it the requests and upgrades of its paths. */
export interface SocketIo {
  readonly paths: readonly string[];
  /** false = the path is none of these, and the request has not been touched */
  request(request: IncomingMessage, response: ServerResponse): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Cuts every connection that is left. */
  close(): void;
}

/**
 * Socket.IO at `/socket.io/` and, in MessagePack, at `/socket.io-msgpack/`: polling and WebSocket, one set of
 * namespaces. The token comes from `auth.token`, `?token=` or `Authorization`; a refused one ends in `connect_error`
 * with `data: {code, message}`. `auth.recovery: false` keeps the offsets out that recovery needs. Host and origin are judged for every request. Requests of a connection that another
 * server of the cluster holds are passed on to it.
 */
export function createSocketIo({ gate, cluster, ...options }: SocketIoOptions): SocketIo {
  const connections = {};
  const sids = new OwnedSids(cluster);
  const others = new PassingOn(options);
  const engines = new Map<Path, Engine>();
  const engineOf = (path: Path): Engine => {
    const engine =
      engines.get(path) ?? createEngine(formats[path], { ...options, connections, newSid: () => sids.next() });
    engines.set(path, engine);
    return engine;
  };
  return {
    paths: Object.keys(formats),
    request(request, response) {
      const place = placeOf(request);
      if (!place) return false;
      if (!admitsRequest(gate, request, response)) return true;
      const owner = sids.foreignOwner(place.sid);
      if (owner) others.request(owner, request, response);
      else engineOf(place.path).request(request, response);
      return true;
    },
    upgrade(request, socket, head) {
      const place = placeOf(request);
      if (!place) return void socket.destroy();
      if (!admitsUpgrade(gate, request, socket)) return;
      const owner = sids.foreignOwner(place.sid);
      if (owner) others.upgrade(owner, request, socket, head);
      else engineOf(place.path).upgrade(request, socket, head);
    },
    close() {
      for (const engine of engines.values()) engine.close();
      others.close();
    },
  };
}

function placeOf({ url = '' }: IncomingMessage): { path: Path; sid: string } | undefined {
  const [path = '', query = ''] = url.split('?', 2);
  if (!Object.hasOwn(formats, path)) return undefined;
  return { path: path as Path, sid: new URLSearchParams(query).get('sid') ?? '' };
}
