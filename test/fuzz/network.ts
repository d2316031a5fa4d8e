import { type Server as HttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { WebSocket as Socket } from 'ws';
import { Dice } from '../chaos/dice.ts';
import { Pipe, type PipeEnd } from './pipe.ts';
import type { Traffic } from './world-clock.ts';

/** Sees what passes over a client's connections, as it arrives and before the client has looked at it. */
export interface WireTap {
  socket(): { sent(text: string): void; received(text: string): void; closed(): void };
  request(asked: Asked): { answered(status: number): void; body(piece: string): void; whole(): void };
}

export interface Asked {
  method: string;
  url: URL;
  headers: Record<string, string>;
}

/** Between clients and servers: one address, behind which a connection meets any server that is up. */
export class Network {
  readonly #dice: Dice;
  readonly #traffic: Traffic;
  readonly #servers = new Map<string, HttpServer>();
  readonly pipes: { pipe: Pipe; client: string; server: string }[] = [];

  constructor(dice: Dice, traffic: Traffic) {
    this.#dice = dice;
    this.#traffic = traffic;
  }

  up(name: string, server: HttpServer): void {
    this.#servers.set(name, server);
  }

  /** The server takes no new connections. */
  down(name: string): void {
    this.#servers.delete(name);
  }

  /** Breaks every connection of a server. */
  cutOff(name: string): void {
    for (const { pipe, server } of [...this.pipes]) if (server === name) pipe.cut();
  }

  /** What a client of this name finds in its environment. */
  environment(client: string, tap: WireTap): { fetch: typeof fetch; WebSocket: typeof WebSocket } {
    const dial = () => this.#dial(client);
    class DialledSocket extends Socket {
      readonly #tapped = tap.socket();

      constructor(url: string, protocol: string) {
        super(url, protocol, { createConnection: dial as never, perMessageDeflate: false });
        // As in a browser, nothing is heard after `close()`.
        this.on('message', (data) => this.readyState === this.OPEN && this.#tapped.received(String(data)));
        this.on('close', () => this.#tapped.closed());
        this.on('error', () => {});
      }

      /** Whoever closes does not listen any more, whether or not the other side still answers. */
      override close(code?: number): void {
        this.#tapped.closed();
        super.close(code);
      }

      override send(text: string): void {
        this.#tapped.sent(text);
        super.send(text);
      }
    }
    return { fetch: fetchOver(dial, tap), WebSocket: DialledSocket as unknown as typeof WebSocket };
  }

  #dial(client: string): PipeEnd {
    const names = [...this.#servers.keys()];
    const entry = {
      pipe: new Pipe(new Dice(this.#dice.below(2 ** 31)), this.#traffic, () => {
        this.pipes.splice(this.pipes.indexOf(entry), 1);
      }),
      client,
      server: names.length === 0 ? '' : this.#dice.pick(names),
    };
    this.pipes.push(entry);
    const server = this.#servers.get(entry.server);
    if (server) server.emit('connection', entry.pipe.far);
    else setImmediate(() => entry.pipe.cut());
    return entry.pipe.near;
  }
}

/** `fetch` as the client uses it, one connection a request. */
function fetchOver(dial: () => PipeEnd, tap: WireTap): typeof fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(String(input));
      const headers = Object.fromEntries(new Headers(init.headers));
      const method = init.method ?? 'GET';
      const { signal } = init;
      if (signal?.aborted) return reject(signal.reason);
      const tapped = tap.request({ method, url, headers });
      const options = { method, headers, host: url.host, path: `${url.pathname}${url.search}`, createConnection: dial };
      const request = httpRequest(options, (response) => {
        const status = response.statusCode as number;
        tapped.answered(status);
        const body = status === 204 ? null : tappedBody(response, tapped);
        resolve(new Response(body, { status, headers: response.headers as Record<string, string> }));
      });
      request.on('error', (cause) =>
        reject(signal?.aborted ? signal.reason : new TypeError('fetch failed', { cause })),
      );
      signal?.addEventListener('abort', () => request.destroy(signal.reason as Error), { once: true });
      request.end(init.body ?? undefined);
    });
}

function tappedBody(response: IncomingMessage, tapped: ReturnType<WireTap['request']>): ReadableStream<Uint8Array> {
  const decoder = new TextDecoder();
  const bytes = Readable.toWeb(response) as ReadableStream<Uint8Array>;
  return bytes.pipeThrough(
    new TransformStream({
      transform(piece, controller) {
        tapped.body(decoder.decode(piece, { stream: true }));
        controller.enqueue(piece);
      },
      flush: () => tapped.whole(),
    }),
  );
}
