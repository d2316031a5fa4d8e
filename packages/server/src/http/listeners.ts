import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** ms that connections have for leaving by themselves when the server stops */
const LINGER_MS = 1_000;
const KEEP_ALIVE_MS = 72_000;

/** The ports that a server listens on, and every connection that came in through them. */
export class Listeners {
  readonly #clock: Clock;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with the port, which is another one where 0 was asked for. Throws `port_in_use`, `config_invalid`. */
  async open(host: string, port: number, request: RequestListener, upgrade: Upgrade): Promise<number> {
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, request).on('upgrade', upgrade);
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, host, port)));
      server.listen({ host, port }, resolve);
    });
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  /** Takes no new connections, lets the open ones finish, and cuts what is still there after a second. */
  async close(): Promise<void> {
    const closing = this.#servers.splice(0).map((server) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      return closed;
    });
    const cancel = this.#clock.after(LINGER_MS, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await Promise.all(closing);
    cancel();
  }
}

function refusal(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new MillraceError('port_in_use', {
      detail: `PORT is ${port}, where another process listens already. Set PORT to a free one, or to 0 for any.`,
      facts: { port },
      cause: error,
    });
  }
  if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new MillraceError('config_invalid', {
      detail: `The server cannot listen on ${host}:${port} (${error.code}). Expected MILLRACE_HOST and PORT of this machine.`,
      cause: error,
    });
  }
  return error;
}
