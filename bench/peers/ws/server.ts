// The barest server: an event that is posted goes to each socket of its room at once, in a send of its own. Argument:
// rooms that it makes events for itself.
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { deliveredEvent, logData } from '../../harness/event-text.ts';
import { feedOnRequest } from '../../harness/feed.ts';
import { type Posted, receive } from '../../harness/peer-server.ts';

const own = Number(process.argv[2] ?? 0);
interface Room {
  seq: number;
  sockets: Set<WebSocket>;
}

const rooms = new Map<string, Room>();
const roomOf = (name: string): Room => {
  const room = rooms.get(name) ?? { seq: 0, sockets: new Set() };
  rooms.set(name, room);
  return room;
};

function emit(name: string, posted: Posted): void {
  const room = roomOf(name);
  room.seq += 1;
  const bytes = Buffer.from(JSON.stringify(deliveredEvent(room.seq, posted)));
  for (const socket of room.sockets) socket.send(bytes, { binary: false });
}

const server = createServer(receive(emit));
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });
sockets.on('connection', (socket, request) => {
  const { sockets } = roomOf(new URL(request.url ?? '', 'http://localhost').searchParams.get('room') ?? '');
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.send('"ready"');
});
feedOnRequest({ emit: (n) => emit(String(n % own), { type: 'log', data: logData(n) }) });
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`listens on ${typeof address === 'object' ? address?.port : 0}.`);
});
