import type { Connection } from '../transport/transport.ts';
import { type Encoding, OUTBOX_LIMIT } from './face.ts';

/**
 * What waits to be written to one connection. All that a turn produces goes out as one message, at its end. It
 * never refuses: whoever has more to send asks `full` first, and comes back after `drained`.
 */
export class Outbox {
  readonly #connection: Connection;
  readonly #encoding: Encoding;
  #turn: Buffer[] = [];
  #bytes = 0;
  #closed = false;
  /** readers that wait for their page, one a turn */
  #readers: (() => void)[] = [];
  /** readers that wait for the connection to drain */
  #waiting: (() => void)[] = [];

  constructor(connection: Connection, encoding: Encoding) {
    this.#connection = connection;
    this.#encoding = encoding;
  }

  get full(): boolean {
    return this.#bytes + this.#connection.buffered() > OUTBOX_LIMIT;
  }

  send(message: Buffer): void {
    if (this.#closed) return;
    if (this.#turn.length === 0) queueMicrotask(() => this.#flush());
    this.#turn.push(message);
    this.#bytes += message.length;
  }

  /** Resolves when what was sent has left, or the outbox was closed. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      // Only after the flush does the connection know what it has to drain.
      this.#flush();
      if (this.#waiting.push(resolve) === 1) this.#connection.onDrain(() => release(this.#waiting));
    });
  }

  /** Resolves in a later turn of the event loop, for one caller a turn: readers of one connection take turns. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      if (this.#readers.push(resolve) === 1) setImmediate(() => this.#nextReader());
    });
  }

  /** Writes what is left and closes the connection. */
  end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#flush();
    this.close();
    this.#connection.close(code, reason);
  }

  /** The connection is gone. */
  close(): void {
    this.#closed = true;
    this.#turn = [];
    release(this.#waiting);
    release(this.#readers);
  }

  #nextReader(): void {
    this.#readers.shift()?.();
    if (this.#readers.length > 0) setImmediate(() => this.#nextReader());
  }

  #flush(): void {
    const messages = this.#turn;
    if (messages.length === 0) return;
    this.#turn = [];
    this.#bytes = 0;
    this.#connection.write(messages.length === 1 ? (messages[0] as Buffer) : this.#encoding.join(messages));
  }
}

function release(waiting: (() => void)[]): void {
  for (const resolve of waiting.splice(0)) resolve();
}
