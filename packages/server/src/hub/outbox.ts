import type { Connection } from '../transport/transport.ts';
import { type Encoding, OUTBOX_LIMIT } from './face.ts';

const NOTHING = Buffer.alloc(0);

/**
 * What waits to be written to one connection. All that a turn produces goes out as one message, at its end. It
 * never refuses: whoever has more to send asks `full` first, and comes back after `drained`. An idle one is small:
 * what only some connections need is made when it is needed.
 */
export class Outbox {
  readonly #connection: Connection;
  readonly #encoding: Encoding;
  /** what this turn produced: mostly it is one message */
  #message: Buffer | undefined;
  #more: Buffer[] | undefined;
  #bytes = 0;
  #closed = false;
  /** readers that wait for their page, one a turn */
  #readers: (() => void)[] | undefined;
  /** readers that wait for the connection to drain */
  #waiting: (() => void)[] | undefined;

  constructor(connection: Connection, encoding: Encoding) {
    this.#connection = connection;
    this.#encoding = encoding;
  }

  get full(): boolean {
    return this.#bytes + this.#connection.buffered() > OUTBOX_LIMIT;
  }

  /** An empty message is none. */
  send(message: Buffer): void {
    if (this.#closed || message.length === 0) return;
    this.#bytes += message.length;
    if (!this.#message) {
      this.#message = message;
      flushLater(this);
    } else if (this.#more) this.#more.push(message);
    else this.#more = [message];
  }

  /** Writes now, and where there is nothing to write an empty message: a connection that says where its client stands says it. */
  mark(): void {
    if (this.#closed) return;
    if (this.#message) this.flush();
    else this.#connection.write(NOTHING);
  }

  /** Writes what was sent since the last flush. */
  flush(): void {
    const message = this.#message;
    const more = this.#more;
    if (!message) return;
    this.#message = undefined;
    this.#more = undefined;
    this.#bytes = 0;
    this.#connection.write(more ? this.#encoding.join([message, ...more]) : message);
  }

  /** Resolves when what was sent has left, or the outbox was closed. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      // Only after the flush does the connection know what it has to drain.
      this.flush();
      this.#waiting ??= [];
      if (this.#waiting.push(resolve) === 1) this.#connection.onDrain(() => this.#release());
    });
  }

  /** Resolves in a later turn of the event loop, for one caller a turn: readers of one connection take turns. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      this.#readers ??= [];
      if (this.#readers.push(resolve) === 1) setImmediate(() => this.#nextReader());
    });
  }

  /** Writes what is left and closes the connection. */
  end(code: number, reason: string): void {
    if (this.#closed) return;
    this.flush();
    this.close();
    this.#connection.close(code, reason);
  }

  /** The connection is gone. */
  close(): void {
    this.#closed = true;
    this.#message = undefined;
    this.#more = undefined;
    this.#release();
    for (const resolve of this.#readers?.splice(0) ?? []) resolve();
  }

  #nextReader(): void {
    this.#readers?.shift()?.();
    if (this.#readers?.length) setImmediate(() => this.#nextReader());
  }

  #release(): void {
    for (const resolve of this.#waiting?.splice(0) ?? []) resolve();
  }
}

/** The outboxes that were written to in this turn, of all connections: one task for them all. */
let dirty: Outbox[] = [];

function flushLater(outbox: Outbox): void {
  if (dirty.push(outbox) === 1) queueMicrotask(flushAll);
}

function flushAll(): void {
  const outboxes = dirty;
  dirty = [];
  for (const outbox of outboxes) outbox.flush();
}
