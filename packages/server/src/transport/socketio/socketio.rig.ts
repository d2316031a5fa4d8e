import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket as NetSocket } from 'node:net';
import { MillraceError } from '@millrace/protocol';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import * as msgpackParser from 'socket.io-msgpack-parser';
import { createGate } from '../../auth/gate.ts';
import { SimulatedClock } from '../../clock.ts';
import { principal } from '../../hub/log-writer.suite.ts';
import { createSocketIo, type SocketIo, type SocketIoOptions } from '../socketio.ts';
import { type Namespace, type NamespaceSocket, PACKET_END, type SocketSession } from '../transport.ts';

/** Packets as a namespace writes them. */
export function packets(...events: readonly [string, unknown][]): Buffer {
  return Buffer.from(events.map((event) => JSON.stringify(event)).join(String.fromCharCode(PACKET_END)));
}

/** What a namespace was told of one of its sockets. */
export class FakeSession implements SocketSession {
  readonly socket: NamespaceSocket;
  readonly bearer: string;
  readonly received: [event: string, ...args: unknown[]][] = [];
  over = false;

  constructor(socket: NamespaceSocket, bearer: string) {
    this.socket = socket;
    this.bearer = bearer;
  }

  receive(event: string, args: readonly unknown[], ack?: (answer: unknown) => void): void {
    this.received.push([event, ...args]);
    ack?.({ ok: true, args });
  }

  closed(): void {
    this.over = true;
  }
}

export class FakeNamespace implements Namespace {
  readonly name: string;
  readonly sessions: FakeSession[] = [];
  accepts = (offset: string): boolean => offset.startsWith('at-');

  constructor(name: string) {
    this.name = name;
  }

  connect({ id }: { id: string }, socket: NamespaceSocket): SocketSession {
    const session = new FakeSession(socket, id);
    this.sessions.push(session);
    return session;
  }

  get last(): FakeSession {
    return this.sessions.at(-1) as FakeSession;
  }
}

/** Counts as a test reads them. */
export class FakeMetrics {
  readonly values = new Map<string, number>();

  count(name: string, by = 1): void {
    this.values.set(name, (this.values.get(name) ?? 0) + by);
  }

  gauge(name: string, value: number, labels: Record<string, string> = {}): void {
    this.values.set([name, ...Object.values(labels)].join(' '), value);
  }

  observe(name: string, seconds: number, labels: Record<string, string> = {}): void {
    this.values.set([name, ...Object.values(labels)].join(' '), seconds);
  }
}

/** A server with the namespaces `/` and `/jobs`, which tokens `good-NAME` may enter. */
export class Rig {
  readonly clock = new SimulatedClock();
  readonly metrics = new FakeMetrics();
  readonly root = new FakeNamespace('/');
  readonly jobs = new FakeNamespace('/jobs');
  readonly verified: (string | undefined)[] = [];
  server!: Server;
  socketIo!: SocketIo;
  readonly #clients: Socket[] = [];
  readonly #sockets = new Set<NetSocket>();

  async open(about: Partial<SocketIoOptions> = {}, port = 0): Promise<this> {
    this.socketIo = createSocketIo({
      namespaces: [this.root, this.jobs],
      clock: this.clock,
      metrics: this.metrics,
      gate: createGate({ listen: '127.0.0.1', secured: true, hosts: [], origins: ['https://app.example'] }),
      auth: {
        verify: async (token) => {
          this.verified.push(token);
          if (token === 'old') throw new MillraceError('token_expired');
          if (!token?.startsWith('good-')) throw new MillraceError('unauthorized', { detail: 'No token came along.' });
          return principal({ id: token.slice('good-'.length) });
        },
      },
      ...about,
    });
    this.server = createServer((request, response) => {
      if (!this.socketIo.request(request, response)) response.writeHead(404).end();
    }).on('upgrade', (request, socket, head) => this.socketIo.upgrade(request, socket, head));
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((listening) => this.server.listen(port, '127.0.0.1', listening));
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A stock client, with a good token where none is given. */
  client(namespace = '/', about: Partial<ManagerOptions & SocketOptions> = {}, url = this.url): Socket {
    const client = io(`${url}${namespace}`, {
      auth: { token: 'good-ann' },
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
      ...about,
    });
    this.#clients.push(client);
    return client;
  }

  msgpackClient(namespace = '/', about: Partial<ManagerOptions & SocketOptions> = {}): Socket {
    return this.client(namespace, { path: '/socket.io-msgpack/', parser: msgpackParser, ...about });
  }

  /** Every connection is lost, without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As a killed process: nobody is told. */
  async kill(): Promise<void> {
    this.cut();
    this.socketIo.close();
    await new Promise((closed) => this.server.close(closed));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.kill();
  }
}

/** Everything that a client was sent, as `[event, ...args]`. */
export function heard(client: Socket): unknown[][] {
  const events: unknown[][] = [];
  client.onAny((...event: unknown[]) => events.push(event));
  return events;
}

export function connected(client: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('connect_error', reject);
  });
}
