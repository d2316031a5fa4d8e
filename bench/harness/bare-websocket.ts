import { BareSocket } from './bare-socket.ts';

const TEXT = 1;
const PING = 9;
const PONG = 10;
const CLOSE = 8;
/** what a server may say to an upgrade, at most, in bytes */
const HEAD_LIMIT = 64 * 1024;

/** The client's side of a WebSocket: enough of RFC 6455 to follow the servers of these benchmarks. */
export class BareWebSocket {
  #socket!: BareSocket;
  readonly #message: (payload: Buffer) => void;
  #opened: (() => void) | undefined;
  #failed: (error: Error) => void = () => {};

  /**
   * Resolves once the server has agreed. `message` gets the payload of each data frame, which it may not keep: a
   * message of several frames comes in several pieces.
   */
  static async open(
    url: { port: number; path: string; protocol?: string },
    message: (payload: Buffer) => void,
  ): Promise<BareWebSocket> {
    const made = new BareWebSocket(message);
    await new Promise<void>((resolve, reject) => {
      made.#opened = resolve;
      made.#failed = reject;
      made.#connect(url).catch(reject);
    });
    return made;
  }

  constructor(message: (payload: Buffer) => void) {
    this.#message = message;
  }

  async #connect({ port, path, protocol }: { port: number; path: string; protocol?: string }): Promise<void> {
    this.#socket = await BareSocket.open(port, (bytes) => (this.#opened ? this.#agree(bytes) : this.#frames(bytes)));
    this.#socket.onClose(() => this.#failed(new Error('The server closed the connection.')));
    const head = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: bWlsbHJhY2UtYmVuY2htYQ==',
      ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    ];
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n`);
  }

  send(text: string): void {
    this.#write(TEXT, Buffer.from(text));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#failed = () => {};
    this.#socket.close();
  }

  /** The answer to the upgrade. */
  #agree(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0 && bytes.length < HEAD_LIMIT) return 0;
    const head = bytes.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 101')) {
      this.#failed(new Error(`The server refused the upgrade: ${head.split('\r\n')[0]}`));
      return bytes.length;
    }
    this.#opened?.();
    this.#opened = undefined;
    // From now on a closed connection is nobody's promise: it must not go unseen.
    this.#failed = (error) => {
      throw error;
    };
    return end + 4 + this.#frames(bytes.subarray(end + 4));
  }

  #frames(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= 2) {
      const code = (bytes[at] as number) & 0x0f;
      let length = (bytes[at + 1] as number) & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (bytes.length < at + 4) break;
        length = bytes.readUInt16BE(at + 2);
        start = at + 4;
      } else if (length === 127) {
        if (bytes.length < at + 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      if (bytes.length < start + length) break;
      const payload = bytes.subarray(start, start + length);
      at = start + length;
      if (code === PING) this.#write(PONG, payload);
      else if (code === CLOSE) this.#failed(new Error(`The server said goodbye: ${payload.subarray(2).toString()}`));
      else if (code !== PONG) this.#message(payload);
    }
    return at;
  }

  /** What a client sends is masked; with a mask of zeros it stays what it is. */
  #write(code: number, payload: Buffer): void {
    const { length } = payload;
    const head = Buffer.alloc(length < 126 ? 6 : 8);
    head[0] = 0x80 | code;
    head[1] = 0x80 | (length < 126 ? length : 126);
    if (length >= 126) head.writeUInt16BE(length, 2);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}
