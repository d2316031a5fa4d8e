import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BareSocket } from '../../harness/bare-socket.ts';
import { eventsText } from '../../harness/event-text.ts';
import { CheckedMessages, type LogReader } from '../../harness/log-reader.ts';
import { PeerServer } from '../../harness/peer-server.ts';
import { Poster } from '../../harness/poster.ts';
import type { OnClose } from '../../harness/server-process.ts';
import type { Follower, Place, Wire, WireRequest } from '../../harness/wire.ts';

const streamOf = (run: number) => `/v1/stream/run-${run}`;

export async function openWire({ runs }: WireRequest, onClose: OnClose): Promise<Wire> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-durable-streams-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const { process, port } = await PeerServer.start('peers/durable-streams/server.ts', [folder], onClose);
  const poster = new Poster(port);
  onClose(() => poster.close());
  const checked = new CheckedMessages(eventsOf);
  const streams: Stream[] = [];
  for (let run = 0; run < runs; run++) {
    await poster.send('PUT', streamOf(run));
    streams.push(new Stream(poster, run));
  }

  /** In HTTP 1.0, so that the answer's bytes are the events' and nothing else's. */
  const get = (path: string, take: (body: Buffer) => number): Promise<Follower> =>
    new Promise((resolve, reject) => {
      let begun = false;
      const socket = BareSocket.open(port, (bytes) => {
        if (begun) return take(bytes);
        const end = bytes.indexOf('\r\n\r\n');
        if (end < 0) return 0;
        const head = bytes.toString('latin1', 0, end);
        if (!head.startsWith('HTTP/1.1 200')) throw new Error(`${path} was answered with ${head}`);
        begun = true;
        socket.then(resolve, reject);
        return end + 4 + take(bytes.subarray(end + 4));
      });
      socket.then((made) => made.write(`GET ${path} HTTP/1.0\r\nAccept: */*\r\n\r\n`), reject);
    });

  return {
    settings: 'files (an append is answered after fdatasync), no compression, JSON streams read live by SSE',
    servers: [process],
    publish: (run, n, count, bytes) => (streams[run] as Stream).append(eventsText(n, count, bytes), n + count),
    head: async (run) => (streams[run] as Stream).head,
    follow(run, reader, place = (streams[run] as Stream).head) {
      reader.next = place.next;
      return get(`${streamOf(run)}?offset=${place.cursor}&live=sse`, (bytes) => takeEvents(bytes, checked, reader));
    },
  };
}

/** One request at a time, as the protocol's own client does it: what comes meanwhile goes together in the next one. */
class Stream {
  readonly #poster: Poster;
  readonly #path: string;
  #parts: string[] = [];
  #posting: Promise<void> = Promise.resolve();
  head: Place = { next: 0, cursor: '-1' };

  constructor(poster: Poster, run: number) {
    this.#poster = poster;
    this.#path = streamOf(run);
  }

  append(events: string, next: number): Promise<void> {
    if (this.#parts.push(events.slice(1, -1)) > 1) return this.#posting;
    this.#posting = this.#posting.then(async () => {
      const body = `[${this.#parts.splice(0).join()}]`;
      const { headers } = await this.#poster.send('POST', this.#path, body);
      this.head = { next: Math.max(next, this.head.next), cursor: String(headers['stream-next-offset']) };
    });
    return this.#posting;
  }
}

const BLOCK = Buffer.from('\n\n');
const DATA = Buffer.from('event: data');

function takeEvents(bytes: Buffer, checked: CheckedMessages, reader: LogReader): number {
  let at = 0;
  for (let end = bytes.indexOf(BLOCK); end >= 0; end = bytes.indexOf(BLOCK, at)) {
    if (DATA.compare(bytes, at, at + DATA.length) === 0) {
      reader.takeAll(checked.check(bytes.subarray(at, end)), performance.now());
    }
    at = end + BLOCK.length;
  }
  return at;
}

/** The events have no number of their own but their producer's, which counts from 0. */
function eventsOf(bytes: Buffer): { seqs: number[]; numbers: number[] } {
  const block = bytes.toString();
  const text = block.slice(block.indexOf('\n') + 1).replaceAll(/^data:/gm, '');
  const numbers = (JSON.parse(text) as { data: { metadata: { n: number } } }[]).map(({ data }) => data.metadata.n);
  return { seqs: numbers, numbers };
}
