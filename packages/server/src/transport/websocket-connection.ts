import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Connection } from './transport.ts';

/** A WebSocket as the hub sees it. */
export class WebSocketConnection implements Connection {
  readonly kind = 'websocket';
  readonly id: string;
  readonly #ws: WebSocket;
  /** the socket below, which tells of its draining */
  readonly #socket: Duplex;

  constructor(id: string, ws: WebSocket, socket: Duplex) {
    this.id = id;
    this.#ws = ws;
    this.#socket = socket;
  }

  get open(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  write(message: Buffer): void {
    // A text frame, though its bytes are given.
    if (this.open) this.#ws.send(message, { binary: false });
  }

  buffered(): number {
    return this.#ws.bufferedAmount;
  }

  onDrain(listener: () => void): void {
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', listener);
    else setImmediate(listener);
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }
}
