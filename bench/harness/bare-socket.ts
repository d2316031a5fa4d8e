import { connect, type Socket } from 'node:net';

/** Every socket of the process reads into this one: what is handed out is looked at before the next read. */
const inbox = Buffer.allocUnsafe(256 * 1024);
const nothing: Buffer = Buffer.alloc(0);

/**
 * A client's end of a connection with no more work than a load needs, so that the load is not what is measured: it
 * reads into one shared buffer, and nothing that came whole is copied.
 */
export class BareSocket {
  readonly #socket: Socket;
  readonly #take: (bytes: Buffer) => number;
  #rest: Buffer = nothing;

  /** `take` looks at bytes as they come and answers how many it has used up; the others come again with what follows. */
  static open(port: number, take: (bytes: Buffer) => number): Promise<BareSocket> {
    return new Promise((resolve, reject) => {
      const made = new BareSocket(port, take);
      made.#socket.once('connect', () => resolve(made));
      made.#socket.once('error', reject);
    });
  }

  constructor(port: number, take: (bytes: Buffer) => number) {
    this.#take = take;
    this.#socket = connect({
      ...{ host: '127.0.0.1', port, noDelay: true },
      onread: {
        buffer: inbox,
        callback: (size) => {
          this.#read(inbox.subarray(0, size));
          return true;
        },
      },
    });
  }

  write(bytes: Buffer | string): void {
    this.#socket.write(bytes);
  }

  /** Reads nothing until `resume`: what comes stays with the kernel, and then with the server. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  onClose(closed: () => void): void {
    this.#socket.once('close', closed);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(fresh: Buffer): void {
    const bytes = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    const used = this.#take(bytes);
    // What is left lies in the shared buffer, unless it was copied just now.
    this.#rest =
      used === bytes.length ? nothing : bytes === fresh ? Buffer.from(bytes.subarray(used)) : bytes.subarray(used);
  }
}
