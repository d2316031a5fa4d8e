import type { Clock } from '@millrace/protocol/clock';
import type { Socket } from 'socket.io';
import type { WebSocket } from 'ws';
import type { Metrics } from '../../metrics/metrics.ts';
import { Allowance } from '../allowance.ts';
import type { Batch, Sendable } from './spelling.ts';

/** events of a client at once, and per second from then on; those above are refused */
export const EVENT_BURST = 1_000;
export const EVENT_RATE = 100;
/** so many packets of any kind for each event: whoever sends more is cut */
const FLOOD = 5;

/** bytes that a client may leave unfetched and still ask for more: answers wait beside what is followed, without end */
const UNFETCHED = 16 * 1024 * 1024;

/** ms that a poller has for coming to be told that its connection is closed; later it is told that there is none */
const FAREWELL_MS = 2_000;
/** engine.io's reason of a close that the server wanted */
const OURS = 'forced close';

/** Packets of one answer to a poll: Python's clients refuse more (engineio.payload.Payload.max_decode_packets). */
const ANSWER_PACKETS = 16;

/** What we ask of engine.io's own objects beyond what their types tell. */
export type EngineSocket = Socket['conn'];
interface EngineTransport extends NodeJS.EventEmitter {
  readonly name: string;
  writable: boolean;
  send(packets: EnginePacket[]): void;
  perMessageDeflate: unknown;
  closeTimeout?: number;
  readonly socket?: WebSocket;
}
interface EnginePacket {
  readonly type: string;
  readonly data?: string | Buffer;
  readonly options?: { wsPreEncodedFrame?: readonly Buffer[] };
}

interface EngineConnection {
  readonly writeBuffer: EnginePacket[];
  flush(): void;
}

export interface WireOptions {
  clock: Clock;
  metrics: Metrics;
  /** whether this engine's messages are bytes */
  binary: boolean;
  /** connections by transport, of all engines */
  connections: Record<string, number>;
  token: string | undefined;
}

/** One connection of engine.io, by polling or WebSocket, with all sockets of its namespaces. */
export class Wire {
  readonly conn: EngineSocket;
  /** what the request that opened it has brought along */
  readonly token: string | undefined;
  /** the namespaces that it is in, or about to enter */
  readonly entered = new Set<string>();
  readonly #about: WireOptions;
  readonly #events: Allowance;
  readonly #packets: Allowance;
  /** bytes that engine.io holds */
  #waiting = 0;
  /** bytes of the last answer to a poll: the client has them when it polls again */
  #answered = 0;
  #pingAt: number | undefined;
  #deflates = false;
  #drained: (() => void)[] = [];

  constructor(conn: EngineSocket, about: WireOptions) {
    const now = about.clock.now();
    this.conn = conn;
    this.token = about.token;
    this.#about = about;
    this.#events = new Allowance(EVENT_BURST, EVENT_RATE, now);
    this.#packets = new Allowance(EVENT_BURST * FLOOD, EVENT_RATE * FLOOD, now);
    this.#carriedBy(this.#transport);
    this.#count(this.#transport.name, 1);
    conn
      .on('packetCreate', (packet: EnginePacket) => this.#created(packet))
      .on('flush', () => this.#flushed())
      .on('packet', (packet: EnginePacket) => this.#received(packet))
      .on('heartbeat', () => this.#answeredPing())
      .on('upgrading', (transport: EngineTransport) => this.#carriedBy(transport))
      .on('upgrade', () => {
        this.#count('polling', -1);
        this.#count('websocket', 1);
        // Nobody polls for the last answer any more, and engine.io says nothing where nothing else waits.
        setImmediate(() => this.#ready());
      })
      .on('close', (reason: string) => this.#closed(reason));
  }

  get polling(): boolean {
    return this.#transport.name === 'polling';
  }

  /** false = the client sends more events than it may. */
  mayAsk(): boolean {
    return this.#events.take(this.#about.clock.now());
  }

  send(batch: Batch): void {
    const { conn } = this;
    if (conn.readyState !== 'open') return this.#about.metrics.count('socketio_failed_deliveries_total');
    this.#about.metrics.count('socketio_events_total', batch.packets);
    // The bytes are in the frame: engine.io needs none beside it.
    if (!this.polling) return this.#write(batch.framed(this.#deflates));
    const transport = this.#transport;
    const { writable } = transport;
    // Else the first packet would use up the poll that waits, alone.
    transport.writable = false;
    for (const sendable of batch.polled()) this.#write(sendable);
    transport.writable = writable;
    (conn as unknown as EngineConnection).flush();
  }

  #write({ data, options }: Sendable): void {
    this.conn.write(data as string, options as object);
  }

  buffered(): number {
    const { writable, socket } = this.#transport;
    return this.#waiting + (socket?.bufferedAmount ?? (writable ? 0 : this.#answered));
  }

  onDrain(listener: () => void): void {
    this.#drained.push(listener);
    if (this.#idle) setImmediate(() => this.#ready());
  }

  /** Sends what waits and closes the transport, which a stock client takes for a lost connection: it comes back. */
  close(): void {
    this.conn.close();
  }

  get #transport(): EngineTransport {
    return this.conn.transport as unknown as EngineTransport;
  }

  get #idle(): boolean {
    return this.#waiting === 0 && this.#transport.writable;
  }

  #carriedBy(transport: EngineTransport): void {
    this.#deflates ||= transport.socket?.extensions.includes('permessage-deflate') ?? false;
    // Else engine.io would frame, and ws deflate, the same packet once per reader.
    transport.perMessageDeflate = null;
    transport.closeTimeout = FAREWELL_MS;
    transport.on('ready', () => this.#ready());
    if (transport.name === 'polling') this.#answerInParts(transport);
  }

  /** What is over the number that an answer to a poll may hold waits for the next one. */
  #answerInParts(transport: EngineTransport): void {
    const send = transport.send.bind(transport);
    transport.send = (packets) => {
      const rest = this.conn.readyState === 'open' ? packets.splice(ANSWER_PACKETS) : [];
      (this.conn as unknown as EngineConnection).writeBuffer.unshift(...rest);
      const bytes = rest.reduce((sum, packet) => sum + bytesOf(packet), 0);
      this.#waiting += bytes;
      this.#answered -= bytes;
      send(packets);
    };
  }

  #created(packet: EnginePacket): void {
    if (packet.type === 'ping') this.#pingAt = this.#about.clock.now();
    this.#waiting += bytesOf(packet);
  }

  #flushed(): void {
    this.#answered = this.#waiting;
    this.#waiting = 0;
  }

  #ready(): void {
    if (!this.#idle) return;
    for (const listener of this.#drained.splice(0)) listener();
  }

  #received({ type, data }: EnginePacket): void {
    const foreign = type === 'message' && (typeof data === 'string') === this.#about.binary;
    const deaf = type === 'message' && this.buffered() > UNFETCHED;
    if (foreign || deaf || !this.#packets.take(this.#about.clock.now())) this.conn.close(deaf);
  }

  #answeredPing(): void {
    if (this.#pingAt === undefined) return;
    const { clock, metrics } = this.#about;
    metrics.observe('socketio_round_trip_seconds', (clock.now() - this.#pingAt) / 1_000, {
      transport: this.#transport.name,
    });
    this.#pingAt = undefined;
  }

  #closed(reason: string): void {
    const { name, writable, socket } = this.#transport;
    // What has been sent is known to the socket, until it is gone: then to engine.io, which had no answer from it.
    const cutShort = name === 'websocket' && (reason === OURS ? socket?.bufferedAmount !== 0 : !writable);
    if (this.#waiting > 0 || cutShort) this.#about.metrics.count('socketio_failed_deliveries_total');
    this.#drained = [];
    this.#count(this.#transport.name, -1);
  }

  #count(transport: string, by: number): void {
    const { connections, metrics } = this.#about;
    connections[transport] = (connections[transport] ?? 0) + by;
    metrics.gauge('socketio_connections', connections[transport], { transport });
  }
}

function bytesOf({ data, options }: EnginePacket): number {
  return options?.wsPreEncodedFrame?.[0]?.length ?? (data ? Buffer.byteLength(data) : 0);
}
