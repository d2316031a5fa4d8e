import {
  Agent,
  type IncomingMessage,
  request as open,
  type RequestOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import type { Clock } from '@millrace/protocol/clock';
import type { Metrics } from '../../metrics/metrics.ts';
import { answerRaw } from './door.ts';

/** ms in which the owner has to take the connection */
const CONNECT_MS = 3_000;
/** ms in which it has to answer: a poll is held until the next ping at the longest */
const ANSWER_MS = 60_000;
const PASSED_ON = 'x-millrace-passed-on';
/** engine.io's own answer, upon which a stock client opens a new connection */
const UNKNOWN_SID = { code: 1, message: 'Session ID unknown' };

/** Passes requests on to the server that owns their connection, as they are, and its answers back. */
export class PassingOn {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #agent = new Agent({ keepAlive: true });

  constructor({ clock, metrics }: { clock: Clock; metrics: Metrics }) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  request(owner: URL, request: IncomingMessage, response: ServerResponse): void {
    const gone = () => {
      if (response.headersSent) return void response.destroy();
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(UNKNOWN_SID));
    };
    if (isPassedOn(request)) return gone();
    const { connection: _, ...headers } = request.headers;
    const out = this.#ask(owner, request, { headers: { ...headers, [PASSED_ON]: '1' }, agent: this.#agent });
    out.on('error', gone).on('response', (answer) => {
      const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...answered } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, answered);
      pipeline(answer, response, done);
    });
    response.on('close', () => out.destroy());
    pipeline(request, out, done);
  }

  upgrade(owner: URL, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const gone = () => answerRaw(socket, 400, 'text/html', UNKNOWN_SID.message);
    if (isPassedOn(request)) return gone();
    const out = this.#ask(owner, request, { headers: { ...request.headers, [PASSED_ON]: '1' }, agent: false });
    socket.on('error', done).on('close', () => out.destroy());
    out
      .on('error', gone)
      .on('response', (answer) => {
        answer.resume();
        gone();
      })
      .on('upgrade', (answer, above, first) => {
        socket.write(headOf(answer));
        socket.write(first);
        above.write(head);
        pipeline(socket, above, done);
        pipeline(above, socket, done);
      });
    out.setNoDelay(true);
    out.end();
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask({ hostname, port }: URL, { method, url }: IncomingMessage, options: RequestOptions) {
    this.#metrics.count('socketio_passed_on_total');
    const out = open({ ...options, host: hostname.replace(/^\[|\]$/g, ''), port: port || 80, method, path: url });
    const fail = (why: string) => () => out.destroy(new Error(why));
    let cancel = this.#clock.after(CONNECT_MS, fail('the owner takes no connection'));
    const connected = () => {
      cancel();
      cancel = this.#clock.after(ANSWER_MS, fail('the owner does not answer'));
    };
    out
      .on('socket', (socket) => (socket.connecting ? socket.once('connect', connected) : connected()))
      .on('response', () => cancel())
      .on('upgrade', () => cancel())
      .on('close', () => cancel());
    return out;
  }
}

/** A request is passed on once: two servers that take each other for the owner do not go round in circles. */
function isPassedOn({ headers }: IncomingMessage): boolean {
  return headers[PASSED_ON] !== undefined;
}

function headOf({ statusCode = 101, rawHeaders }: IncomingMessage): string {
  let head = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${head}\r\n`;
}

/** Both sides have been closed by then; whoever is still there sees that its transport is gone. */
function done(): void {}
