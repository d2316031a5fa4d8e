import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** Stands between a client and a server: cuts connections at the byte that a test names, and lets through what it names. */
export class CuttingProxy {
  target: number;
  /** bytes from the server after which the next connection is cut; undefined = never */
  cutAfter: number | undefined;
  /** false = upgrades to WebSocket are refused, as by a proxy that knows only HTTP */
  upgrades = true;
  /** false = streams are held back, as by a proxy that waits for the end of an answer */
  streams = true;
  cuts = 0;
  /** upgrades that were let through */
  upgraded = 0;
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #sockets = new Set<[Socket, Socket]>();

  constructor(target: number) {
    this.target = target;
    this.#server = createServer((near) => this.#join(near));
  }

  /** WebSockets that are open now */
  get sockets(): number {
    return this.#sockets.size;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  cut(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    const far = dial(this.target, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    let passed = 0;
    let held = false;
    near.on('data', (bytes) => {
      const request = bytes.toString('latin1');
      if (/^upgrade: *websocket/im.test(request)) {
        if (!this.upgrades) {
          near.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
          return;
        }
        this.upgraded += 1;
        this.#sockets.add(pair);
      }
      held = !this.streams && /^accept: *text\/event-stream/im.test(request);
      far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (held) return;
      const left = this.cutAfter === undefined ? bytes.length : this.cutAfter - passed;
      near.write(left < bytes.length ? bytes.subarray(0, left) : bytes);
      passed += bytes.length;
      if (left < bytes.length) this.#end(pair);
    });
    for (const socket of pair) {
      socket.on('error', () => this.#end(pair));
      socket.on('close', () => this.#end(pair));
    }
  }

  #end(pair: [Socket, Socket]): void {
    this.#sockets.delete(pair);
    if (!this.#pairs.delete(pair)) return;
    this.cuts += 1;
    // What was passed on arrives; then the connection is gone in the middle of a message.
    pair[0].end();
    pair[1].destroy();
  }
}
