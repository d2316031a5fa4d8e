import type { IncomingMessage, ServerResponse } from 'node:http';
import { eventsText } from './event-text.ts';
import type { LogReader } from './log-reader.ts';
import { Poster } from './poster.ts';
import { type OnClose, ServerProcess } from './server-process.ts';

/** An event as it is posted to a peer's application. */
export interface Posted {
  type: string;
  data: object;
}

/** The part of a peer's application that takes events: `POST /publish?room=…` with an array of them. */
export function receive(emit: (room: string, posted: Posted) => unknown) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const room = new URL(request.url ?? '', 'http://localhost').searchParams.get('room') ?? '';
      for (const posted of JSON.parse(Buffer.concat(parts).toString()) as Posted[]) emit(room, posted);
      response.end('{}');
    });
  };
}

/** A peer's server, which prints the port that it listens on. */
export class PeerServer {
  readonly process: ServerProcess;
  readonly port: number;
  readonly #poster: Poster;

  static async start(file: string, args: string[], onClose: OnClose): Promise<PeerServer> {
    const { process, match } = await ServerProcess.start({ file, args, ready: /listens on (\d+)\./ }, onClose);
    const made = new PeerServer(process, Number(match[1]));
    onClose(() => made.#poster.close());
    return made;
  }

  constructor(process: ServerProcess, port: number) {
    this.process = process;
    this.port = port;
    this.#poster = new Poster(port);
  }

  publish(room: number, n: number, count: number, bytes?: number): Promise<unknown> {
    return this.#poster.send('POST', `/publish?room=${room}`, eventsText(n, count, bytes));
  }
}

const SEQ = '{"seq":'.length;
const NUMBER = Buffer.from('"n":');
const ZERO = '0'.charCodeAt(0);

/** Reads messages that hold one event each, as {@link deliveredEvent} spells it, after `offset` bytes. */
export class PeerEvents {
  readonly #offset: number;

  constructor(offset: number) {
    this.#offset = offset;
  }

  take(payload: Buffer, reader: LogReader): void {
    const number = payload.lastIndexOf(NUMBER) + NUMBER.length;
    reader.take(digits(payload, this.#offset + SEQ), digits(payload, number), performance.now());
  }
}

/** The whole number that begins at `at`; NaN where there is none, which no seq equals. */
export function digits(bytes: Buffer, at: number): number {
  let value = 0;
  let place = at;
  for (; ; place++) {
    const digit = (bytes[place] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  return place === at ? Number.NaN : value;
}
