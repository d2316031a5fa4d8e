import { BareWebSocket } from '../../harness/bare-websocket.ts';
import type { LogReader } from '../../harness/log-reader.ts';
import { digits } from '../../harness/peer-server.ts';
import type { Follower } from '../../harness/wire.ts';

const LINE = Buffer.from('\r\n');
const NUMBER = Buffer.from('"n":');
const nothing = Buffer.alloc(0);
/** `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQ.…`, where a message of a stream says where it stands in it */
const SEQ_PART = 5;

/** The client's side of the NATS protocol, over a WebSocket. */
export class NatsConnection implements Follower {
  readonly #socket: BareWebSocket;
  readonly #reader: LogReader | undefined;
  #rest = nothing;
  #asked = new Map<string, (answer: Buffer) => void>();
  #requests = 0;
  #pong: (() => void) | undefined;

  /** A message of a stream goes to the reader, anything else is the answer to a question. */
  static async open(port: number, reader?: LogReader): Promise<NatsConnection> {
    let made: NatsConnection | undefined;
    const socket = await BareWebSocket.open({ port, path: '/' }, (piece) => made?.take(piece));
    made = new NatsConnection(socket, reader);
    await made.#hello();
    return made;
  }

  constructor(socket: BareWebSocket, reader: LogReader | undefined) {
    this.#socket = socket;
    this.#reader = reader;
  }

  subscribe(subject: string): void {
    this.#socket.send(`SUB ${subject} 1\r\n`);
  }

  /** Rejects where the answer is an error. */
  async ask(subject: string, question: object): Promise<object> {
    const body = JSON.stringify(question);
    const inbox = `_i.${this.#id}.${this.#requests++}`;
    const answer = await new Promise<Buffer>((resolve) => {
      this.#asked.set(inbox, resolve);
      this.#socket.send(`PUB ${subject} ${inbox} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
    });
    const read = JSON.parse(answer.toString()) as { error?: object };
    if (read.error) throw new Error(`${subject} was answered with ${JSON.stringify(read.error)}`);
    return read;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.close();
  }

  /** a part of its inboxes' names that no other connection has */
  readonly #id = `${process.pid}-${connections++}`;

  #hello(): Promise<void> {
    this.#socket.send(`CONNECT {"verbose":false,"pedantic":false}\r\nSUB _i.${this.#id}.* 2\r\nPING\r\n`);
    return new Promise((resolve) => {
      this.#pong = resolve;
    });
  }

  take(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    for (let end = bytes.indexOf(LINE); end >= 0; end = bytes.indexOf(LINE, at)) {
      const [word, subject = '', ...words] = bytes.toString('latin1', at, end).split(' ');
      if (word === 'MSG') {
        const start = end + LINE.length;
        const next = start + Number(words.at(-1));
        if (bytes.length < next + LINE.length) break;
        this.#message(subject, words, bytes.subarray(start, next));
        at = next + LINE.length;
        continue;
      }
      at = end + LINE.length;
      if (word === 'PING') this.#socket.send('PONG\r\n');
      else if (word === 'PONG') this.#pong?.();
      else if (word === '-ERR') throw new Error(`NATS said ${subject} ${words.join(' ')}`);
    }
    this.#rest = at === bytes.length ? nothing : Buffer.from(bytes.subarray(at));
  }

  #message(subject: string, words: string[], payload: Buffer): void {
    const asked = this.#asked.get(subject);
    if (asked) {
      this.#asked.delete(subject);
      return asked(payload);
    }
    const seq = Number(words[1]?.split('.')[SEQ_PART]);
    this.#reader?.take(seq, digits(payload, payload.lastIndexOf(NUMBER) + NUMBER.length), performance.now());
  }
}

let connections = 0;
