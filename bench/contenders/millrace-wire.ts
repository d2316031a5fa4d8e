// The real server, as `npx millrace start` runs it; native frames on /live.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BareWebSocket } from '../harness/bare-websocket.ts';
import { eventsText } from '../harness/event-text.ts';
import type { FeedRequest } from '../harness/feed.ts';
import { inTurns } from '../harness/in-turns.ts';
import { CheckedMessages, type LogReader } from '../harness/log-reader.ts';
import { Poster } from '../harness/poster.ts';
import type { OnClose, ServerProcess } from '../harness/server-process.ts';
import type { Follower, Place, Wire, WireRequest } from '../harness/wire.ts';
import { type Address, beginsWithRange, eventsOf, framesOf, openLive } from './millrace-live.ts';
import { startServer, startServers } from './millrace-server.ts';

export async function openWire({ runs, embedded, servers = 1, bus }: WireRequest, onClose: OnClose): Promise<Wire> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const started =
    servers > 1
      ? await startServers({ count: servers, folder, bus }, onClose)
      : {
          settings: 'SQLite synchronous=FULL',
          servers: [await startServer({ folder, ...(embedded ? { embedded } : {}) }, onClose)],
        };
  const made = embedded ? 'appended one by one in the server’s process' : 'posted to an external run';
  const wire = new MillraceWire(started.servers, `${started.settings}, events ${made}, native frames on /live`);
  onClose(() => wire.close());
  await wire.createRuns(runs);
  return wire;
}

export class MillraceWire implements Wire {
  readonly settings: string;
  readonly servers: ServerProcess[];
  readonly #addresses: Address[];
  readonly #poster: Poster;
  readonly #checked = new CheckedMessages(eventsOf);
  readonly #runs: string[] = [];
  readonly #heads: number[] = [];
  #connected = 0;

  constructor(servers: { process: ServerProcess; address: Address }[], settings: string) {
    this.settings = settings;
    this.servers = servers.map(({ process }) => process);
    this.#addresses = servers.map(({ address }) => address);
    const { port, token } = this.#addresses[0] as Address;
    this.#poster = new Poster(port, { authorization: `Bearer ${token}` });
  }

  /** Opens external runs; each begins with its first event. */
  createRuns(count: number): Promise<void> {
    return inTurns(count, async (run) => {
      const { text } = await this.#poster.send('POST', '/api/runs', '{"workflow":"bench","external":true}');
      this.#runs[run] = (JSON.parse(text) as { id: string }).id;
      await this.publish(run, -1, 1);
    });
  }

  get runs(): readonly string[] {
    return this.#runs;
  }

  async publish(run: number, n: number, count: number, bytes?: number): Promise<void> {
    const path = `/api/runs/${this.#runs[run]}/events`;
    const { text } = await this.#poster.send('POST', path, eventsText(n, count, bytes));
    this.#heads[run] = Math.max(this.#heads[run] ?? 0, (JSON.parse(text) as { seq: number }).seq);
  }

  async head(run: number): Promise<Place> {
    const seq = this.#heads[run] as number;
    return { next: seq + 1, cursor: String(seq) };
  }

  /** Resolves when the subscription is answered. Connections go to the servers in turn. */
  async follow(run: number, reader: LogReader, place?: Place): Promise<Follower> {
    const { next, cursor } = place ?? (await this.head(run));
    reader.next = next;
    const address = this.#addresses[this.#connected++ % this.#addresses.length] as Address;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const take = (payload: Buffer) => {
      if (beginsWithRange(payload)) return reader.takeAll(this.#checked.check(payload), performance.now());
      for (const frame of framesOf(payload)) {
        if (frame.type === 'ok') resolve();
        // One that came in a message with other frames.
        else if (frame.type === 'range')
          reader.takeAll(eventsOf(Buffer.from(JSON.stringify(frame))), performance.now());
        else if (frame.type !== 'hello') reject(new Error(`The server said ${payload.toString().slice(0, 500)}`));
      }
    };
    const socket: BareWebSocket = await openLive(address, take);
    socket.send(`{"type":"subscribe","id":1,"run":"${this.#runs[run]}","after":"${cursor}"}`);
    await promise;
    return socket;
  }

  feed(request: FeedRequest): Promise<number> {
    return (this.servers[0] as ServerProcess).ask(request);
  }

  close(): void {
    this.#poster.close();
  }
}
