import { installDebian, installPeer } from './install.ts';
import type { Contender } from './round.ts';
import type { WireRequest } from './wire.ts';

/** Who can stand beside Millrace where events are delivered. */
interface Entry {
  name: string;
  wire: Pick<WireRequest, 'wire' | 'adapter'>;
  install(): void;
}

const socketio = 'peers/socketio/wire.ts';
const withRedis = () => {
  installDebian('redis-server', 'Socket.IO’s adapters need');
  installPeer('socketio');
};

export const millrace: Entry = {
  name: 'Millrace',
  wire: { wire: 'contenders/millrace-wire.ts' },
  install: () => {},
};

/** The same server, followed by Socket.IO's clients. */
export const channels: Entry = {
  name: 'Millrace, Socket.IO',
  wire: { wire: 'contenders/millrace-channels-wire.ts' },
  install: () => {},
};

export const peers = {
  ws: { name: 'raw ws', wire: { wire: 'peers/ws/wire.ts' }, install: () => installPeer('ws') },
  socketio: { name: 'Socket.IO', wire: { wire: socketio }, install: () => installPeer('socketio') },
  redis: { name: 'Socket.IO + redis', wire: { wire: socketio, adapter: 'redis' }, install: withRedis },
  streams: {
    name: 'Socket.IO + redis-streams',
    wire: { wire: socketio, adapter: 'redis-streams' },
    install: withRedis,
  },
  durable: {
    name: 'durable-streams',
    wire: { wire: 'peers/durable-streams/wire.ts' },
    install: () => installPeer('durable-streams'),
  },
  nats: {
    name: 'NATS JetStream',
    wire: { wire: 'peers/nats/wire.ts' },
    install: () => installDebian('nats-server', 'the comparison with JetStream needs'),
  },
} satisfies Record<string, Entry>;

/** A contender's process for each entry, with what all of them are asked. Installs what is missing, or fails. */
export function enter<Request>(
  entries: readonly Entry[],
  load: string,
  request: (entry: Entry) => Request,
): (Contender & { request: Request & WireRequest })[] {
  for (const { install } of entries) install();
  return entries.map((entry) => ({
    name: entry.name,
    file: `loads/${load}.ts`,
    request: { runs: 1, ...entry.wire, ...request(entry) },
  }));
}
