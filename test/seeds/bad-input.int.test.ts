import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket as RawSocket } from 'ws';
import { RunSocketClient } from './run-socket-client.ts';
import { Producer, ServerProcess } from './server-process.ts';
import { SocketClient } from './socketio-client.ts';
import { sign } from './token.ts';

const patience = { timeout: 10_000, interval: 10 };
const token = sign({ sub: 'ada', roles: ['operator'] });
const now = Math.floor(Date.now() / 1000);
const bad = [
  ['a token of another key', sign({ sub: 'ada' }, 'somebody else has made this one up'), 'unauthorized'],
  ['an expired token', sign({ sub: 'ada', exp: now - 10 }), 'token_expired'],
  ['a token that is none', 'jwt_token', 'unauthorized'],
  ['no token', undefined, 'unauthorized'],
] as const;

let server: ServerProcess;
let producer: Producer;
let run: string;
/** Whoever does nothing wrong: each has to be told everything, whatever the others send. */
let bystanders: { socket: RunSocketClient; executions: SocketClient; channels: SocketClient; jobs: SocketClient };
let told = 0;

beforeAll(async () => {
  server = await ServerProcess.start();
  producer = new Producer(server.url);
  run = await producer.open();
  const of = async (namespace: string, room: string) => {
    const client = new SocketClient(server.url + namespace, { auth: { token } });
    expect(await client.ask('subscribe', room)).toEqual({ ok: true });
    return client;
  };
  bystanders = {
    socket: new RunSocketClient(socketUrl()),
    executions: await of('/executions', run),
    channels: await of('/', `execution:${run}`),
    jobs: await of('/', `job:${run}`),
  };
  await vi.waitFor(() => expect(bystanders.socket.types).toContain('connected'), patience);
});
afterAll(async () => {
  for (const client of [bystanders.executions, bystanders.channels, bystanders.jobs]) client.close();
  await bystanders.socket.close();
  await server.remove();
});

function socketUrl(bearer: string | undefined = token, of = run): string {
  return `ws://127.0.0.1:${server.port}/ws/${of}${bearer === undefined ? '' : `?token=${bearer}`}`;
}

function platform(url: string): RunSocketClient {
  const client = new RunSocketClient(url);
  onTestFinished(() => client.socket.close());
  return client;
}

function connect(namespace: string, options: object = {}): SocketClient {
  const client = new SocketClient(server.url + namespace, { reconnection: false, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** The server lives and everybody else is told what happens now, by the connections that they had all the time. */
async function unharmed(): Promise<void> {
  told += 1;
  const message = `all is well ${told}`;
  await producer.append(
    run,
    { type: 'metric', data: { name: message, value: 1 } },
    { type: 'log', data: { level: 'info', message } },
    { type: 'run.progress', data: { progress: 1, message } },
  );
  const { socket, executions, channels, jobs } = bystanders;
  await vi.waitFor(() => {
    expect(socket.of('metric_update').at(-1)?.data.name).toBe(message);
    expect(executions.of('log').at(-1)?.log).toMatchObject({ message });
    expect(channels.of('execution:updated').at(-1)?.currentStep).toBe(message);
    expect(jobs.of('job:progress').at(-1)?.step).toBe(message);
  }, patience);
  expect(socket.of('metric_update')).toHaveLength(told);
  expect(executions.of('log')).toHaveLength(told);
  for (const client of [executions, channels, jobs]) expect(client.disconnects).toEqual([]);
  expect(server.alive).toBe(true);
}

const namespaces = [
  ['executions', '/executions', (id: string) => id],
  ['channels', '/', (id: string) => `execution:${id}`],
  ['jobs', '/', (id: string) => `job:${id}`],
] as const;

describe('[SEE-40] tokens:', () => {
  test.each(bad)('run-socket refuses %s with an error, disconnected, and 4401', async (_, bearer, code) => {
    const url = bearer === undefined ? `ws://127.0.0.1:${server.port}/ws/${run}` : socketUrl(bearer);
    const client = platform(url);
    expect(await client.closed).toMatchObject({ code: 4401 });
    expect(client.types).toEqual(['error', 'disconnected']);
    expect(client.messages[0]?.data).toMatchObject({ code, message: expect.any(String) });
    await unharmed();
  });

  test.each(
    bad.flatMap(([name, bearer, code]) => [
      ['/executions', name, { auth: bearer === undefined ? {} : { token: bearer } }, code] as const,
      ['/', name, { query: bearer === undefined ? {} : { token: bearer } }, code] as const,
      ['/', `${name}, polling,`, { auth: { token: bearer }, transports: ['polling'] }, code] as const,
    ]),
  )('%s refuses %s at the handshake, with code and message', async (namespace, _, options, code) => {
    const client = connect(namespace, options);
    await vi.waitFor(() => expect(client.errors).toHaveLength(1), patience);
    expect(client.errors[0]?.data).toMatchObject({ code, message: expect.any(String) });
    expect(client.connects).toEqual([]);
    await unharmed();
  });

  test('a token that expires in mid-session is told as an error, then the transport closes', async () => {
    const brief = sign({ sub: 'ada', roles: ['operator'], exp: Math.floor(Date.now() / 1000) + 3 });
    const socket = platform(socketUrl(brief));
    const clients = [connect('/executions', { auth: { token: brief } }), connect('/', { query: { token: brief } })];
    for (const client of clients)
      await vi.waitFor(() => expect(client.disconnects).toEqual(['transport close']), patience);
    for (const client of clients) {
      expect(client.connects).toHaveLength(1);
      expect(client.of('error').at(-1)).toMatchObject({ code: 'token_expired' });
    }
    expect(await socket.closed).toMatchObject({ code: 4401 });
    expect(socket.types.slice(-2)).toEqual(['error', 'disconnected']);
    await unharmed();
  });
});

test.each([
  ['of another tenant', () => sign({ sub: 'ada', tenant: 'elsewhere', roles: ['admin'] }), () => run],
  ['of another user', () => sign({ sub: 'eve', roles: ['user'] }), () => run],
  ['with an id that nobody knows', () => token, () => '01a1fd83-0000-7000-8000-000000000000'],
  ['with an id that is none', () => token, () => '../../etc/passwd'],
])('[SEE-41] a client %s is told that there is no such run, in every dialect', async (_, bearer, id) => {
  const socket = platform(socketUrl(bearer(), encodeURIComponent(id())));
  await socket.closed;
  expect(socket.of('error')[0]?.data).toMatchObject({ code: 'run_not_found' });
  for (const [, namespace, room] of namespaces) {
    const client = connect(namespace, { auth: { token: bearer() } });
    expect(await client.ask('subscribe', room(id()))).toMatchObject({
      code: 'run_not_found',
      error: expect.any(String),
    });
    expect(client.disconnects).toEqual([]);
  }
  const answer = await new Producer(server.url, bearer()).call('GET', `/api/jobs/${encodeURIComponent(id())}`);
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ code: 'run_not_found' });
  await unharmed();
});

describe('[SEE-42] a flood', () => {
  test('over run-socket is answered with rate_limited; who goes on with it is cut', async () => {
    const client = platform(socketUrl());
    await client.opened;
    for (let n = 0; n < 1_500; n += 1) client.send({ type: 'ping' });
    await vi.waitFor(() => expect(client.of('pong', 'error').length).toBe(1_500), patience);
    expect(client.of('error')[0]?.data).toMatchObject({ code: 'rate_limited' });
    await unharmed();
    for (let n = 0; n < 20_000; n += 1) client.send({ type: 'ping' });
    await client.closed;
    await unharmed();
  });

  test.each(namespaces)(
    'over %s is answered with rate_limited; who goes on with it is cut',
    async (_, namespace, room) => {
      const client = connect(namespace, { auth: { token } });
      const answers = await Promise.all(Array.from({ length: 1_300 }, () => client.ask('subscribe', room(run))));
      expect(answers.filter(({ ok }) => ok).length).toBeGreaterThanOrEqual(1_000);
      expect(answers.at(-1)).toMatchObject({ code: 'rate_limited' });
      await unharmed();
      for (let n = 0; n < 20_000; n += 1) client.socket.emit('subscribe', room(run));
      await vi.waitFor(() => expect(client.disconnects).toHaveLength(1), patience);
      await unharmed();
    },
  );
});

describe('[SEE-43] a message of 10 MB', () => {
  const huge = 'x'.repeat(10 * 1024 * 1024);

  test('closes a run-socket with 1009', async () => {
    const client = platform(socketUrl());
    await client.opened;
    client.send({ type: 'approval_response', comment: huge });
    expect(await client.closed).toMatchObject({ code: 1009 });
    await unharmed();
  });

  test.each(namespaces)('closes the transport of %s, by WebSocket and by polling', async (_, namespace) => {
    for (const transport of ['websocket', 'polling']) {
      const client = connect(namespace, { auth: { token }, transports: [transport] });
      await vi.waitFor(() => expect(client.connects).toHaveLength(1), patience);
      client.socket.emit('subscribe', huge);
      await vi.waitFor(() => expect(client.disconnects, transport).toHaveLength(1), patience);
    }
    await unharmed();
  });

  test('is refused by the job API with payload_too_large', async () => {
    // Also while the client still sends: it is let finish, or it might never read the answer.
    for (let time = 0; time < 10; time++) {
      const answer = await producer.call('POST', '/api/jobs', { type: 'search', query: huge });
      expect(answer.status).toBe(413);
      expect(await answer.json()).toMatchObject({ code: 'payload_too_large' });
    }
    await unharmed();
  });
});

/** Bytes without a meaning, the same every time. */
function garbage(length: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 24;
    }),
  );
}

test('[SEE-44] binary garbage on any socket is answered or cut, and harms nobody', async () => {
  const paths = [
    `/ws/${run}?token=${token}`,
    ...['/socket.io/', '/socket.io-msgpack/'].map((path) => `${path}?EIO=4&transport=websocket&token=${token}`),
  ];
  for (const path of paths) {
    for (const binary of [true, false]) {
      const socket = new RawSocket(`ws://127.0.0.1:${server.port}${path}`);
      socket.on('error', () => undefined);
      await once(socket, 'open');
      const ended = once(socket, 'close');
      for (let seed = 1; seed <= 50; seed += 1) {
        const bytes = garbage(seed * 7, seed);
        socket.send(binary ? bytes : bytes.toString('latin1'), { binary });
      }
      socket.send(binary ? Buffer.from('40') : '40{"token":', { binary });
      const answered = vi.waitFor(() => expect(socket.readyState).not.toBe(socket.OPEN), patience);
      await Promise.race([answered, once(socket, 'message')]);
      socket.terminate();
      await ended;
    }
  }
  for (const path of ['/socket.io/', '/socket.io-msgpack/']) {
    const url = `${server.url}${path}?EIO=4&transport=polling`;
    const opened = await (await fetch(url)).text();
    const sid = /"sid":"([^"]+)"/.exec(opened)?.[1];
    const answer = await fetch(`${url}&sid=${sid}`, { method: 'POST', body: garbage(500, 3) as BodyInit });
    expect(answer.status).toBeLessThan(500);
  }
  await unharmed();
});

test('[SEE-45] a page of a foreign origin is refused with origin_not_allowed, on every path', async () => {
  const origin = 'https://evil.example';
  for (const path of [
    '/socket.io/?EIO=4&transport=polling',
    '/socket.io-msgpack/?EIO=4&transport=polling',
    '/api/jobs',
  ]) {
    const answer = await fetch(server.url + path, { headers: { origin, authorization: `Bearer ${token}` } });
    expect(answer.status, path).toBe(403);
    expect(await answer.json(), path).toMatchObject({ code: 'origin_not_allowed' });
  }
  for (const path of ['/socket.io/', '/socket.io-msgpack/']) {
    const socket = new RawSocket(`ws://127.0.0.1:${server.port}${path}?EIO=4&transport=websocket`, { origin });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message, path).toContain('403');
  }
  const socket = new RawSocket(socketUrl(), { origin });
  const [message] = await once(socket, 'message');
  expect(JSON.parse(String(message))).toMatchObject({ event_type: 'error', data: { code: 'origin_not_allowed' } });
  const [code] = await once(socket, 'close');
  expect(code).toBe(4403);
  await unharmed();
  const own = new RawSocket(socketUrl(), { origin: 'http://localhost:5173' });
  await once(own, 'open');
  own.terminate();
});
