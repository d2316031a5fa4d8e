import { BareWebSocket } from '../../harness/bare-websocket.ts';
import type { LogReader } from '../../harness/log-reader.ts';
import { PeerEvents, PeerServer } from '../../harness/peer-server.ts';
import { startRedis } from '../../harness/redis.ts';
import type { OnClose } from '../../harness/server-process.ts';
import type { Follower, Place, Wire, WireRequest } from '../../harness/wire.ts';

/** Engine.IO's packets begin with a digit, Socket.IO's within its messages with another. */
const OPEN = '0'.charCodeAt(0);
const PING = '2'.charCodeAt(0);
const CONNECT = '40';
const EVENT = '42["event",';
/** bytes at an event's end that hold its offset, where there is one */
const TAIL = 60;

export async function openWire(request: WireRequest, onClose: OnClose): Promise<Wire> {
  const { adapter = 'none', embedded, runs, recovery = false } = request;
  const redis = adapter === 'none' ? undefined : await startRedis(onClose);
  const options = { adapter, redis: redis?.port ?? 0, rooms: embedded ? runs : 0, recovery };
  const servers: PeerServer[] = [];
  for (let made = 0; made < (request.servers ?? 1); made++) {
    servers.push(await PeerServer.start('peers/socketio/server.ts', [JSON.stringify(options)], onClose));
  }
  const [first] = servers as [PeerServer];
  let connected = 0;
  const settings = [
    ...(servers.length > 1 ? [`${servers.length} servers`] : []),
    'transports websocket only, no permessage-deflate, bufferutil',
    ...(recovery ? ['connection state recovery'] : []),
    ...(redis ? [redis.settings] : []),
  ];
  return {
    settings: settings.join(', '),
    servers: servers.map(({ process }) => process),
    publish: (run, n, count, bytes) => first.publish(run, n, count, bytes),
    feed: (asked) => first.process.ask(asked),
    follow(run, reader, place) {
      const { port } = servers[connected++ % servers.length] as PeerServer;
      return Client.join(port, { room: String(run) }, reader, place);
    },
  };
}

/** A socket in a room. */
class Client implements Follower {
  readonly #reader: LogReader;
  readonly #events = new PeerEvents(EVENT.length);
  readonly #auth: object;
  #socket: BareWebSocket | undefined;
  #welcomed = () => {};
  /** of connection state recovery: the client's session, and the end of its newest event */
  #session = '';
  #tail = '';

  /** Resolves when the application has welcomed the socket, which is then in its room. */
  static async join(port: number, auth: object, reader: LogReader, place?: Place): Promise<Client> {
    const client = new Client({ ...auth, ...(place ? JSON.parse(place.cursor) : {}) }, reader);
    if (place) reader.next = place.next;
    const { promise, resolve } = Promise.withResolvers<void>();
    client.#welcomed = resolve;
    const url = { port, path: '/socket.io/?EIO=4&transport=websocket' };
    const socket = await BareWebSocket.open(url, (payload) => client.#take(payload));
    client.#socket = socket;
    socket.send(`${CONNECT}${JSON.stringify(client.#auth)}`);
    await promise;
    return client;
  }

  constructor(auth: object, reader: LogReader) {
    this.#auth = auth;
    this.#reader = reader;
  }

  place(): Place {
    const offset = /,"([^"]*)"\]$/.exec(this.#tail)?.[1];
    return { next: this.#reader.next as number, cursor: JSON.stringify({ pid: this.#session, offset }) };
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  close(): void {
    this.#socket?.close();
  }

  #take(payload: Buffer): void {
    // `42["event"` or `42["ready"`, whose names differ in their first letter.
    if (payload[4] === EVENT.charCodeAt(4)) {
      this.#events.take(payload, this.#reader);
      if (this.#session) this.#tail = payload.toString('latin1', payload.length - TAIL);
    } else if (payload[0] === PING) this.#socket?.send('3');
    else if (payload[0] !== OPEN) {
      const text = payload.toString();
      if (text.startsWith(CONNECT)) this.#session = (JSON.parse(text.slice(2)) as { pid?: string }).pid ?? '';
      else if (text.startsWith('42["ready"')) this.#welcomed();
      else throw new Error(`Socket.IO said ${text}`);
    }
  }
}
