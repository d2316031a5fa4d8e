// A Socket.IO application: an event that is posted is emitted to its room. Argument: its options.
import { createServer } from 'node:http';
import { createAdapter as createRedisAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { deliveredEvent, logData } from '../../harness/event-text.ts';
import { feedOnRequest } from '../../harness/feed.ts';
import { type Posted, receive } from '../../harness/peer-server.ts';

interface Options {
  adapter: 'none' | 'redis' | 'redis-streams';
  /** port */
  redis: number;
  /** that it makes events for itself */
  rooms: number;
  recovery: boolean;
}

const { adapter, redis, rooms, recovery } = JSON.parse(process.argv[2] as string) as Options;
/** ms for which a client may be away */
const AWAY = 120_000;

async function adapterOf() {
  if (adapter === 'none') return {};
  const client = createClient({ url: `redis://127.0.0.1:${redis}` });
  await client.connect();
  if (adapter === 'redis-streams') return { adapter: createStreamsAdapter(client) };
  const subscriber = client.duplicate();
  await subscriber.connect();
  return { adapter: createRedisAdapter(client, subscriber) };
}

const seqs = new Map<string, number>();
function emit(room: string, posted: Posted): void {
  const seq = (seqs.get(room) ?? 0) + 1;
  seqs.set(room, seq);
  io.to(room).emit('event', deliveredEvent(seq, posted));
}

const server = createServer(receive(emit));
const io = new Server(server, {
  ...(await adapterOf()),
  ...(recovery ? { connectionStateRecovery: { maxDisconnectionDuration: AWAY, skipMiddlewares: true } } : {}),
  transports: ['websocket'],
  serveClient: false,
});
// As Socket.IO's page on memory usage says: the upgrade's request is not needed any more.
io.engine.on('connection', (raw) => {
  raw.request = null;
});
io.on('connection', (socket) => {
  const { room } = socket.handshake.auth as { room?: string };
  if (room !== undefined) socket.join(room);
  socket.emit('ready');
});
feedOnRequest({ emit: (n) => emit(String(n % rooms), { type: 'log', data: logData(n) }) });
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`listens on ${typeof address === 'object' ? address?.port : 0}.`);
});
