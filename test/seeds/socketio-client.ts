import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';

/** A message as it came: its name and what it was given. */
export interface Heard<T = Record<string, unknown>> {
  event: string;
  data: T;
}

/** What every front end of the texts does with socket.io-client: connects, and keeps what comes, in order. */
export class SocketClient {
  readonly socket: Socket;
  readonly heard: Heard[] = [];
  readonly connects: { recovered: boolean }[] = [];
  readonly disconnects: string[] = [];
  readonly errors: { message: string; data?: { code?: string; message?: string } }[] = [];

  constructor(url: string, options: Partial<ManagerOptions & SocketOptions>) {
    this.socket = io(url, { forceNew: true, ...options });
    this.socket.on('connect', () => this.connects.push({ recovered: this.socket.recovered }));
    this.socket.on('disconnect', (reason) => this.disconnects.push(reason));
    this.socket.on('connect_error', (error) => this.errors.push(error as never));
    this.socket.onAny((event: string, data: Record<string, unknown>) => this.heard.push({ event, data }));
  }

  of(...events: string[]): Record<string, unknown>[] {
    return this.heard.filter(({ event }) => events.includes(event)).map(({ data }) => data);
  }

  /** Asks, and waits for the answer. */
  ask(event: string, ...args: unknown[]): Promise<Record<string, unknown>> {
    return this.socket.timeout(5_000).emitWithAck(event, ...args) as Promise<Record<string, unknown>>;
  }

  /** The network goes away; the client notices and comes back by itself. */
  cut(): void {
    this.socket.io.engine.close();
  }

  close(): void {
    this.socket.disconnect();
  }
}
