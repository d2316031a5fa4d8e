import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PythonProcess } from './python-process.ts';
import { type RunMessage, RunSocketClient } from './run-socket-client.ts';
import { Producer, ServerProcess } from './server-process.ts';
import { type Heard, SocketClient } from './socketio-client.ts';
import { sign } from './token.ts';

const patience = { timeout: 15_000, interval: 20 };
/** of each kind, more than any text's buffer holds */
const COUNT = 2_000;
const BATCH = 20;
const KILLS = 3;
const token = sign({ sub: 'ada', roles: ['operator'] });
const agent = { agentId: 'writer', messageId: 'm1' };
const wanted = Array.from({ length: COUNT }, (_, n) => n);
const text = wanted.map((n) => `${n} `).join('');

let server: ServerProcess;
let run: string;
const socketio: Record<'executions' | 'channels' | 'jobs', SocketClient> = {} as never;
const python: Record<'executions' | 'channels' | 'jobs' | 'polling', PythonProcess> = {} as never;
const platform = { messages: [] as RunMessage[], connects: 0, over: false };

/** What S1's front end does: comes back after every loss, with the timestamp of what it got last. */
async function followRun(): Promise<void> {
  while (!platform.over) {
    const last = platform.messages.at(-1)?.timestamp;
    const since = last === undefined ? '' : `&since=${encodeURIComponent(last)}`;
    const client = new RunSocketClient(`ws://127.0.0.1:${server.port}/ws/${run}?token=${token}${since}`);
    client.socket.addEventListener('open', () => (platform.connects += 1));
    client.socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as RunMessage;
      platform.messages.push(message);
      if (message.event_type === 'workflow_completed') platform.over = true;
      if (platform.over) client.socket.close();
    });
    await client.closed;
    await vi.waitFor(() => fetch(`${server.url}/api/health`), patience).catch(() => undefined);
  }
}

function connect(namespace: string, subscriptions: string[]): SocketClient {
  const client = new SocketClient(server.url + namespace, {
    ...{ auth: { token }, reconnectionDelay: 100, reconnectionDelayMax: 200 },
  });
  client.socket.on('connect', () => {
    for (const subscription of subscriptions) client.socket.emit('subscribe', subscription);
  });
  return client;
}

const events = {
  executions: ['status', 'log', 'result', 'error'],
  channels: ['execution:updated', 'agent:token', 'agent:streaming_end', 'execution:completed', 'error'],
  jobs: ['job:started', 'job:progress', 'job:chunk', 'job:completed', 'error'],
};

/** Each of the eight has connected so many times, so that each kill cuts it off in the middle. */
const everybodyBack = (times: number) =>
  vi.waitFor(() => {
    expect(platform.connects).toBeGreaterThanOrEqual(times);
    for (const { connects } of Object.values(socketio)) expect(connects.length).toBeGreaterThanOrEqual(times);
    for (const client of Object.values(python)) expect(client.of('connect').length).toBeGreaterThanOrEqual(times);
  }, patience);

/** All eight follow one run of 8,000 events while its server is killed three times. */
beforeAll(async () => {
  server = await ServerProcess.start();
  const producer = new Producer(server.url);
  run = await producer.open();
  const follow = (namespace: string, subscriptions: string[], kind: keyof typeof events, last: string[]) => {
    socketio[kind] = connect(namespace, subscriptions);
    python[kind] = new PythonProcess({ url: server.url, namespace, token, subscriptions, last, events: events[kind] });
  };
  follow('/executions', [run], 'executions', ['result']);
  follow('/', [`execution:${run}`, `agent:writer:${run}`], 'channels', ['agent:streaming_end', 'execution:completed']);
  follow('/', [`job:${run}`], 'jobs', ['job:completed']);
  python.polling = new PythonProcess({
    ...{ url: server.url, namespace: '/executions', token, subscriptions: [run], last: ['result'] },
    ...{ transports: 'polling', events: events.executions },
  });
  const followed = followRun();
  await producer.append(run, { type: 'node.started', node: 'write', data: { task: 'write' } });
  await vi.waitFor(() => {
    for (const client of Object.values(socketio)) expect(client.heard).not.toEqual([]);
    for (const client of Object.values(python)) expect(client.heard.length).toBeGreaterThan(1);
  }, patience);

  const kills = new Set(
    Array.from({ length: KILLS }, (_, n) => Math.floor(((n + 1) * COUNT) / (KILLS + 1) / BATCH) * BATCH),
  );
  let killed = 0;
  let restarted: Promise<void> = Promise.resolve();
  for (let from = 0; from < COUNT; from += BATCH) {
    if (kills.has(from)) {
      await everybodyBack(killed + 1);
      killed += 1;
      restarted = server.restart();
    }
    const batch = wanted.slice(from, from + BATCH).flatMap((n) => [
      { type: 'log', data: { level: 'info', message: `line ${n}` } },
      { type: 'agent.token', node: 'write', data: { ...agent, text: `${n} ` } },
      { type: 'metric', data: { name: 'n', value: n } },
      { type: 'run.progress', data: { progress: 50, message: `step ${n}` } },
    ]);
    await producer.append(run, ...batch);
    await restarted;
  }
  await producer.append(
    run,
    { type: 'agent.completed', node: 'write', data: agent },
    { type: 'node.completed', node: 'write' },
    { type: 'run.completed', data: { output: 'done' } },
  );
  await followed;
  await vi.waitFor(() => {
    for (const [kind, last] of [
      ['executions', 'result'],
      ['channels', 'execution:completed'],
      ['channels', 'agent:streaming_end'],
      ['jobs', 'job:completed'],
    ] as const)
      expect(socketio[kind].of(last), kind).not.toEqual([]);
  }, patience);
  expect(await Promise.all(Object.values(python).map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
}, 90_000);
afterAll(async () => {
  platform.over = true;
  for (const client of Object.values(socketio)) client.close();
  for (const client of Object.values(python)) client.kill();
  await server.remove();
});

/** Each once, by what the text gives a client to tell a repeat by. */
function distinct<T>(all: readonly T[], idOf: (one: T) => unknown): T[] {
  return [...new Map(all.map((one) => [idOf(one), one])).values()];
}

const numbers = (texts: unknown[]): number[] => texts.map((word) => Number(String(word).split(' ')[1]));

test('[SEE-30] run-socket: the platform’s WebSocket ends with every message once and in order', () => {
  expect(platform.connects).toBeGreaterThan(KILLS);
  const metrics = platform.messages.filter(({ event_type }) => event_type === 'metric_update');
  expect(metrics.map(({ data }) => data.value)).toEqual(wanted);
  expect(platform.messages.filter(({ event_type }) => event_type === 'workflow_completed')).toHaveLength(1);
});

/** What S2's store holds at the end. */
function judgeExecution(heard: Heard[]): void {
  const of = (event: string) => heard.filter((one) => one.event === event).map(({ data }) => data);
  const logs = distinct(of('log'), ({ log }) => (log as { id: string }).id);
  expect(numbers(logs.map(({ log }) => (log as { message: string }).message))).toEqual(wanted);
  expect(of('status').at(-1)).toMatchObject({ executionId: run, status: 'completed' });
  expect(distinct(of('result'), ({ executionId }) => executionId)).toMatchObject([{ result: 'done' }]);
  expect(of('error')).toEqual([]);
}

test('[SEE-31] executions: socket.io-client, with its own recovery, ends with every log entry once and in order, and one result', () => {
  judgeExecution(socketio.executions.heard);
  expect(socketio.executions.connects).toHaveLength(KILLS + 1);
  expect(socketio.executions.connects.slice(1)).not.toContainEqual({ recovered: false });
});

/** What S3's store holds at the end: the second delivery of an event is dropped by its id, text is taken as it stands. */
function judgeChannel(heard: Heard[]): void {
  const of = (event: string) =>
    heard.filter((one) => one.event === event && one.data.executionId === run).map(({ data }) => data);
  const steps = distinct(of('execution:updated'), ({ id }) => id).flatMap(({ currentStep }) => currentStep ?? []);
  expect(numbers(steps)).toEqual(wanted);
  expect(of('agent:token').at(-1)?.cumulativeResponse).toBe(text);
  expect(of('agent:streaming_end').at(-1)?.fullResponse).toBe(text);
  expect(distinct(of('execution:completed'), ({ id }) => id)).toMatchObject([{ outputs: 'done' }]);
  expect(of('error')).toEqual([]);
}

test('[SEE-32] channels: socket.io-client, with its own recovery, ends with every step once and in order, and the whole text', () => {
  judgeChannel(socketio.channels.heard);
  expect(socketio.channels.connects.slice(1)).not.toContainEqual({ recovered: false });
});

/** What S4's store holds at the end: what is not newer than what was seen is dropped by its sequence number. */
function judgeJob(heard: Heard[]): void {
  let last = 0;
  const fresh = heard.filter(({ event, data }) => {
    if (!event.startsWith('job:') || (data.seq as number) <= last) return false;
    last = data.seq as number;
    return true;
  });
  const of = (event: string) => fresh.filter((one) => one.event === event).map(({ data }) => data);
  expect(numbers(of('job:progress').flatMap(({ step }) => (String(step).startsWith('step') ? step : [])))).toEqual(
    wanted,
  );
  expect(
    of('job:chunk')
      .map(({ chunk }) => chunk)
      .join(''),
  ).toBe(text);
  expect(of('job:completed')).toMatchObject([{ result: 'done' }]);
}

test('[SEE-33] jobs: socket.io-client, with its own recovery, ends with every step once and in order, and the whole text', () => {
  judgeJob(socketio.jobs.heard);
  expect(socketio.jobs.connects.slice(1)).not.toContainEqual({ recovered: false });
});

test('[SEE-34] a client without recovery, in Python, subscribes anew each time and ends with the same, in each dialect, by WebSocket and by polling', () => {
  for (const client of Object.values(python)) expect(client.of('connect').length).toBeGreaterThan(KILLS);
  judgeExecution(python.executions.heard);
  judgeExecution(python.polling.heard);
  judgeChannel(python.channels.heard);
  judgeJob(python.jobs.heard);
});
