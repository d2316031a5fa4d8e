// The real server, followed as a stock Socket.IO client does: rooms of the namespace `/`, in the words of channels.
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BareWebSocket } from '../harness/bare-websocket.ts';
import { inTurns } from '../harness/in-turns.ts';
import type { LogReader } from '../harness/log-reader.ts';
import { digits } from '../harness/peer-server.ts';
import { Poster } from '../harness/poster.ts';
import type { OnClose, ServerProcess } from '../harness/server-process.ts';
import type { Follower, Wire, WireRequest } from '../harness/wire.ts';
import { startServer } from './millrace-server.ts';

const SECRET = 'a secret of the benchmark alone';
const PATH = '/socket.io/?EIO=4&transport=websocket';
const PING = '2'.charCodeAt(0);
/** before the seq in an event's id: `42["node:progress",{"id":"RUN:` */
const EVENT = Buffer.from('42["node:progress",{"id":"');
const MESSAGE = '4'.charCodeAt(0);
/** what follows in a message of events: others than the bench's own say where the client stands */
const EVENTS = '2'.charCodeAt(0);
const STEP = Buffer.from('"currentStep":"');
/** of what a subscriber reads of one message, its event's envelope without the step */
const FRAME = 190;
const MESSAGE_BYTES = 200;

export async function openWire({ runs }: WireRequest, onClose: OnClose): Promise<Wire> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const { process, address } = await startServer({ folder, env: { MILLRACE_JWT_SECRET: SECRET } }, onClose);
  const wire = new ChannelsWire(process, address.port);
  onClose(() => wire.close());
  await wire.createRuns(runs);
  return wire;
}

class ChannelsWire implements Wire {
  readonly settings =
    'SQLite synchronous=FULL, events posted to an external run, Socket.IO rooms execution:ID on /, WebSocket only';
  readonly servers: ServerProcess[];
  readonly #port: number;
  readonly #poster: Poster;
  readonly #runs: string[] = [];
  readonly #heads: number[] = [];

  constructor(server: ServerProcess, port: number) {
    this.servers = [server];
    this.#port = port;
    this.#poster = new Poster(port, { authorization: `Bearer ${tokenOf('producer', 'admin')}` });
  }

  createRuns(count: number): Promise<void> {
    const body = '{"workflow":"bench","external":true,"nodes":[{"id":"a","task":"bench"}]}';
    return inTurns(count, async (run) => {
      const { text } = await this.#poster.send('POST', '/api/runs', body);
      this.#runs[run] = (JSON.parse(text) as { id: string }).id;
      await this.#post(run, '[{"type":"node.started","node":"a","data":{}}]');
    });
  }

  publish(run: number, n: number, count: number, bytes = MESSAGE_BYTES): Promise<unknown> {
    const text = 'm'.repeat(Math.max(1, bytes - FRAME));
    const event = (number: number) =>
      `{"type":"node.progress","node":"a","data":{"progress":50,"message":"${number} ${text}"}}`;
    return this.#post(run, `[${Array.from({ length: count }, (_, place) => event(n + place)).join()}]`);
  }

  follow(run: number, reader: LogReader): Promise<Follower> {
    const seq = this.#heads[run] as number;
    reader.next = seq + 1;
    return ChannelsClient.join(this.#port, this.#runs[run] as string, seq, reader);
  }

  close(): void {
    this.#poster.close();
  }

  async #post(run: number, body: string): Promise<void> {
    const { text } = await this.#poster.send('POST', `/api/runs/${this.#runs[run]}/events`, body);
    this.#heads[run] = Math.max(this.#heads[run] ?? 0, (JSON.parse(text) as { seq: number }).seq);
  }
}

class ChannelsClient implements Follower {
  readonly #reader: LogReader;
  #socket: BareWebSocket | undefined;
  /** where the seq stands in every message */
  readonly #seqAt: number;
  #answered: (text: string) => void = () => {};

  static async join(port: number, run: string, after: number, reader: LogReader): Promise<ChannelsClient> {
    const client = new ChannelsClient(run, reader);
    const socket = await BareWebSocket.open({ port, path: PATH }, (payload) => client.#take(payload));
    client.#socket = socket;
    await client.#ask(`40${JSON.stringify({ token: tokenOf('viewer', 'operator') })}`, '40');
    await client.#ask(`420["subscribe","execution:${run}",{"after":${after}}]`, '430[{"ok":true}]');
    return client;
  }

  constructor(run: string, reader: LogReader) {
    this.#reader = reader;
    this.#seqAt = EVENT.length + run.length + 1;
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  close(): void {
    this.#socket?.close();
  }

  /** Resolves when the server has said what begins so. */
  #ask(text: string, answer: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#answered = (said) => {
      if (said.startsWith(answer)) resolve();
      else reject(new Error(`Instead of ${answer} the server said ${said.slice(0, 500)}`));
    };
    this.#socket?.send(text);
    return promise;
  }

  #take(payload: Buffer): void {
    if (EVENT.compare(payload, 0, Math.min(EVENT.length, payload.length)) === 0) {
      const number = payload.indexOf(STEP, this.#seqAt) + STEP.length;
      this.#reader.take(digits(payload, this.#seqAt), digits(payload, number), performance.now());
    } else if (payload[0] === PING) this.#socket?.send('3');
    else if (payload[0] === MESSAGE && payload[1] !== EVENTS) this.#answered(payload.toString());
  }
}

/** A token as the operator of the server makes them: HS256. */
function tokenOf(sub: string, role: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, roles: [role], exp })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}
