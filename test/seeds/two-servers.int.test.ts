import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { latencies } from './latency.ts';
import { PythonProcess } from './python-process.ts';
import { RunSocketClient } from './run-socket-client.ts';
import { Producer, ServerProcess } from './server-process.ts';
import { SocketClient } from './socketio-client.ts';
import { sign } from './token.ts';

const patience = { timeout: 8_000, interval: 20 };
const token = sign({ sub: 'ada', roles: ['operator'] });
const COUNT = 300;
const wanted = Array.from({ length: COUNT }, (_, n) => n);

let cluster: Cluster;
let producer: Producer;
beforeAll(async () => {
  cluster = await startCluster(2);
  // What it writes goes to the one server and the other in turn.
  producer = new Producer(cluster.url);
}, 60_000);
afterAll(() => cluster.close());

function connect(namespace: string, room: string, options: object): SocketClient {
  const client = new SocketClient(cluster.url + namespace, {
    ...{ auth: { token }, reconnectionDelay: 100, reconnectionDelayMax: 200 },
    ...options,
  });
  client.socket.on('connect', () => client.socket.emit('subscribe', room));
  onTestFinished(() => client.close());
  return client;
}

async function write(run: string, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 5) {
    const events = wanted.slice(n, n + 5).flatMap((value) => [
      { type: 'metric', data: { name: 'n', value } },
      { type: 'log', data: { level: 'info', message: String(value) } },
      { type: 'run.progress', data: { progress: 1, message: String(value) } },
    ]);
    await producer.append(run, ...events);
  }
}

/** The labels of what came, each once, by what the text gives a client to tell a repeat by. */
function labels(client: { of(...events: string[]): Record<string, unknown>[] }, event: string): number[] {
  const seen = new Map<unknown, number>();
  for (const data of client.of(event)) {
    const log = data.log as { id: string; message: string } | undefined;
    const label = log ? log.message : (data.currentStep ?? data.step);
    if (label !== undefined) seen.set(log?.id ?? data.id ?? data.seq, Number(label));
  }
  return [...seen.values()];
}

test('[SEE-35] behind a plain round-robin balancer every dialect is told what any server took, in order and once', async () => {
  const run = await producer.open();
  const sockets = [1, 2].map(
    () => new RunSocketClient(`${cluster.url.replace('http', 'ws')}/ws/${run}?token=${token}`),
  );
  for (const client of sockets) onTestFinished(() => client.socket.close());
  const clients = [1, 2].flatMap(() => [
    { event: 'log', client: connect('/executions', run, { transports: ['websocket'] }) },
    { event: 'execution:updated', client: connect('/', `execution:${run}`, { transports: ['websocket'] }) },
    { event: 'job:progress', client: connect('/', `job:${run}`, { transports: ['websocket'] }) },
    { event: 'log', client: connect('/executions', run, { transports: ['polling', 'websocket'] }) },
  ]);
  await vi.waitFor(() => {
    for (const socket of sockets) expect(socket.types).toContain('connected');
    for (const { client } of clients) expect(client.connects).toHaveLength(1);
  }, patience);
  await write(run, 0, COUNT);
  for (const socket of sockets)
    await vi.waitFor(() => expect(socket.of('metric_update').map(({ data }) => data.value)).toEqual(wanted), patience);
  for (const { event, client } of clients)
    await vi.waitFor(() => expect(labels(client, event), event).toEqual(wanted), patience);
  for (const { client } of clients) expect(client.disconnects).toEqual([]);
  expect(Math.min(...cluster.balancer.counts)).toBeGreaterThan(20);

  const job = await producer.call('POST', `/api/jobs/${run}/pause`);
  expect(await job.json()).toMatchObject({ jobId: run, state: 'paused' });
  for (const { event, client } of clients)
    if (event === 'job:progress') await vi.waitFor(() => expect(client.of('job:paused')).toHaveLength(1), patience);
});

test('[SEE-36] polling works there without sticky sessions, in JavaScript and in Python, and in JavaScript also when one server is killed', async () => {
  const run = await producer.open();
  const polling = { transports: ['polling'] };
  const clients = [1, 2].flatMap(() => [
    { event: 'log', client: connect('/executions', run, polling) },
    { event: 'execution:updated', client: connect('/', `execution:${run}`, polling) },
    { event: 'job:progress', client: connect('/', `job:${run}`, polling) },
  ]);
  // Python's own: it follows a run to its end before a server is killed.
  const calm = await producer.open();
  const python = new PythonProcess({
    ...{ url: cluster.url, namespace: '/executions', token, subscriptions: [calm], last: ['result'] },
    ...{ transports: 'polling', events: ['log', 'result', 'error'] },
  });
  onTestFinished(() => python.kill());
  await vi.waitFor(() => {
    for (const { client } of clients) expect(client.connects).toHaveLength(1);
    expect(python.of('connect')).toHaveLength(1);
  }, patience);
  await write(calm, 0, COUNT);
  await producer.append(calm, { type: 'run.completed', data: { output: 'done' } });
  await vi.waitFor(() => expect(python.of('result'), JSON.stringify(python.heard.slice(-5))).toHaveLength(1), patience);
  expect(labels(python, 'log')).toEqual(wanted);
  expect(python.of('connect')).toHaveLength(1);

  await write(run, 0, 150);
  for (const { event, client } of clients)
    await vi.waitFor(() => expect(labels(client, event), event).toEqual(wanted.slice(0, 150)), patience);
  for (const { client } of clients) expect(client.disconnects).toEqual([]);

  await cluster.servers[0]?.kill();
  const back = cluster.servers[0]?.start();
  await write(run, 150, COUNT);
  await back;
  await producer.append(run, { type: 'run.completed', data: { output: 'done' } });
  for (const { event, client } of clients)
    await vi.waitFor(() => expect(labels(client, event), event).toEqual(wanted), patience);
});

test('[SEE-37] from a worker’s append to the message in a stock client: p99 under 200 ms over each dialect, on one server', async () => {
  const server = await ServerProcess.start();
  onTestFinished(() => server.remove());
  const found = await latencies(server.url, token, new Producer(server.url));
  console.log('one server, p99 in ms:', found);
  for (const [dialect, p99] of Object.entries(found)) expect(p99, dialect).toBeLessThan(200);
});

test('[SEE-38] and on two servers with Postgres and Redis', async () => {
  const found = await latencies(cluster.url, token, producer);
  console.log('two servers, p99 in ms:', found);
  for (const [dialect, p99] of Object.entries(found)) expect(p99, dialect).toBeLessThan(200);
});
