// Debian's nats-server with JetStream, over its WebSocket. A subscriber is a consumer like the client libraries'
// "ordered" one: it begins after a seq, nothing is acknowledged, and every message says its place in the stream.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventsText } from '../../harness/event-text.ts';
import { freePort } from '../../harness/free-port.ts';
import { cpuOf, rssOf } from '../../harness/process-figures.ts';
import type { OnClose } from '../../harness/server-process.ts';
import type { Follower, Place, ServerLike, Wire, WireRequest } from '../../harness/wire.ts';
import { NatsConnection } from './connection.ts';

const STREAM = 'BENCH';

export async function openWire(_request: WireRequest, onClose: OnClose): Promise<Wire> {
  const { server, port, version } = await startNats(onClose);
  const producer = await NatsConnection.open(port);
  onClose(() => producer.close());
  await producer.ask(`$JS.API.STREAM.CREATE.${STREAM}`, { name: STREAM, subjects: ['run.*'], storage: 'file' });
  let stored = 0;
  let consumers = 0;

  return {
    settings: `nats-server ${version}, JetStream file storage with its default sync interval, WebSocket without compression`,
    servers: [server],
    async publish(run, n, count, bytes) {
      const events = JSON.parse(eventsText(n, count, bytes)) as object[];
      const acks = await Promise.all(events.map((event) => producer.ask(`run.${run}`, event)));
      stored = Math.max(stored, ...acks.map((ack) => (ack as { seq: number }).seq));
    },
    async head(): Promise<Place> {
      return { next: stored + 1, cursor: '' };
    },
    async follow(run, reader, place): Promise<Follower> {
      const { next } = place ?? { next: stored + 1 };
      reader.next = next;
      const subject = `_deliver.${consumers++}`;
      const connection = await NatsConnection.open(port, reader);
      connection.subscribe(subject);
      await connection.ask(`$JS.API.CONSUMER.CREATE.${STREAM}`, {
        stream_name: STREAM,
        config: {
          ...{ deliver_subject: subject, deliver_policy: 'by_start_sequence', opt_start_seq: next },
          ...{ ack_policy: 'none', replay_policy: 'instant', max_deliver: 1, mem_storage: true, num_replicas: 1 },
          filter_subject: `run.${run}`,
        },
      });
      return connection;
    },
  };
}

async function startNats(onClose: OnClose): Promise<{ server: ServerLike; port: number; version: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-nats-'));
  const port = await freePort();
  const settings = [
    `listen: "127.0.0.1:${await freePort()}"`,
    `websocket { listen: "127.0.0.1:${port}", no_tls: true, compression: false }`,
    `jetstream { store_dir: "${folder}" }`,
    'max_connections: 64000',
  ];
  const file = join(folder, 'nats.conf');
  writeFileSync(file, settings.join('\n'));
  const child = spawn('nats-server', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  onClose(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  const version = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`nats-server ended with ${code}: ${said}`)));
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Server is ready')) resolve(/Version:\s+(\S+)/.exec(said)?.[1] ?? '');
    });
  });
  const pid = child.pid as number;
  const server: ServerLike = {
    pid,
    get rss() {
      return rssOf(pid);
    },
    get cpu() {
      return cpuOf(pid);
    },
    gauge: async () => ({ rss: rssOf(pid), held: rssOf(pid), cpu: cpuOf(pid) }),
  };
  return { server, port, version };
}
