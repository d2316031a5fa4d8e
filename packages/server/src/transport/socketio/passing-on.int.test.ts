import { createServer, request as open, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as listen, type Server as NetServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { OwnedSids } from './owned-sid.ts';
import { connected, heard, packets, Rig } from './socketio.rig.ts';

const key = Buffer.from('a key that the cluster shares');
let rigs: Rig[];
let mute: NetServer;
let balancer: Balancer;

/** Hands every new connection to the next server, with no memory: what plain round-robin does. */
class Balancer {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  targets: number[] = [];
  turns = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const { method, url, headers } = request;
      const out = open({ port: this.#next(), method, path: url, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      out.on('error', () => response.destroy());
      response.on('close', () => out.destroy());
      request.pipe(out);
    }).on('upgrade', (request, socket, head) => {
      const above = connect(this.#next());
      this.#sockets.add(above);
      const { method, url, rawHeaders } = request;
      const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
      above.write(`${[`${method} ${url} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`);
      above.write(head);
      above.pipe(socket).pipe(above);
      for (const end of [above, socket])
        end.on('error', () => {}).on('close', () => [above, socket].map((one) => one.destroy()));
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #next(): number {
    return this.targets[this.turns++ % this.targets.length] as number;
  }
}

/** The address stands in the ids, so the port has to be known before. */
async function clustered(sharedKey = key): Promise<Rig> {
  const free = createServer();
  await new Promise<void>((listening) => free.listen(0, '127.0.0.1', listening));
  const { port } = free.address() as AddressInfo;
  await new Promise((closed) => free.close(closed));
  return new Rig().open({ cluster: { address: `http://127.0.0.1:${port}`, key: sharedKey } }, port);
}

beforeEach(async () => {
  rigs = [await clustered(), await clustered()];
  mute = listen();
  balancer = await new Balancer().listen();
  balancer.targets = rigs.map(({ port }) => port);
});
afterEach(async () => {
  await Promise.all(rigs.map((rig) => rig.close()));
  await balancer.close();
  mute.close();
});

for (const [name, transports] of [
  ['polling', ['polling']],
  ['polling that becomes WebSocket', ['polling', 'websocket']],
] as const) {
  test(`[DIA-50] ${name} works behind plain round-robin: every packet arrives once and in order`, async () => {
    // An odd number of requests each: the pollers drift over both servers.
    const clients = [0, 1, 2].map(() => rigs[0]!.client('/', { transports: [...transports] }, balancer.url));
    const events = clients.map(heard);
    await Promise.all(clients.map(connected));
    const expected: [string, unknown][] = [];
    for (let n = 0; n < 30; n++) {
      expected.push(['log', n]);
      for (const { root } of rigs) for (const { socket } of root.sessions) socket.write(packets(['log', n]));
      const [client] = clients;
      if (n % 10 === 0) expect(await client!.emitWithAck('ask', n)).toEqual({ ok: true, args: [n] });
    }
    await vi.waitFor(() => expect(events).toEqual(clients.map(() => expected)), 5_000);
    if (transports.length > 1) {
      await vi.waitFor(() =>
        expect(clients.map(({ io }) => io.engine.transport.name)).toEqual(clients.map(() => 'websocket')),
      );
      for (const { root } of rigs) for (const { socket } of root.sessions) socket.write(packets(['end', 0]));
      await vi.waitFor(() => expect(events.map((one) => one.at(-1))).toEqual(clients.map(() => ['end', 0])));
    }
    expect(rigs.flatMap(({ root }) => root.sessions)).toHaveLength(3);
    const passedOn = rigs.map(({ metrics }) => metrics.values.get('socketio_passed_on_total') ?? 0);
    expect(Math.min(...passedOn)).toBeGreaterThan(0);
  });
}

test("[DIA-51] the owner's death is told as an unknown session, and a stock client comes back to who is left", async () => {
  const [one, two] = rigs as [Rig, Rig];
  const client = one.client('/', { transports: ['polling'] }, balancer.url);
  await connected(client);
  const [owner, other] = one.root.sessions.length > 0 ? [one, two] : [two, one];
  const { id } = client.io.engine as unknown as { id: string };
  await owner.kill();
  const answer = await fetch(`${other.url}/socket.io/?EIO=4&transport=polling&sid=${id}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ code: 1, message: 'Session ID unknown' });
  balancer.targets = [other.port];
  await vi.waitFor(() => expect(other.root.sessions).toHaveLength(1), 5_000);
});

test('[DIA-52] nobody without the key can make a server ask an address, and no request goes round in circles', async () => {
  const asked: string[] = [];
  const victim = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((listening) => victim.listen(0, '127.0.0.1', listening));
  const place = Buffer.from(`http://127.0.0.1:${(victim.address() as AddressInfo).port}`).toString('base64url');
  const [one] = rigs as [Rig, Rig];
  const forged = [
    `abc.${place}.`,
    `abc.${place}.${'A'.repeat(22)}`,
    `abc.${place}`,
    `a.${place}.b.c`,
    '...',
    'x'.repeat(600),
  ];
  for (const sid of forged) {
    const answer = await fetch(`${one.url}/socket.io/?EIO=4&transport=polling&sid=${encodeURIComponent(sid)}`);
    expect(await answer.json()).toEqual({ code: 1, message: 'Session ID unknown' });
  }
  expect(asked).toEqual([]);
  victim.close();

  const opened = await fetch(`${one.url}/socket.io/?EIO=4&transport=polling`);
  const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
  const circling = await fetch(`${rigs[1]!.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, {
    headers: { 'x-millrace-passed-on': '1' },
  });
  expect(await circling.json()).toEqual({ code: 1, message: 'Session ID unknown' });
});

test('[DIA-51] an owner that takes the request and never answers is given up after a minute', async () => {
  const [one] = rigs as [Rig, Rig];
  const asked = new Promise<Socket>((resolve) => mute.once('connection', resolve));
  await new Promise<void>((listening) => mute.listen(0, '127.0.0.1', listening));
  const sids = new OwnedSids({ address: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`, key });
  const answer = fetch(`${one.url}/socket.io/?EIO=4&transport=polling&sid=${sids.next()}`);
  const socket = await asked;
  await new Promise((resolve) => socket.once('data', resolve));
  one.clock.advance(60_000);
  expect(await (await answer).json()).toEqual({ code: 1, message: 'Session ID unknown' });
  const client = new WebSocket(`ws://127.0.0.1:${one.port}/socket.io/?EIO=4&transport=websocket&sid=${sids.next()}`);
  const next = new Promise<Socket>((resolve) => mute.once('connection', resolve));
  const refusal = new Promise((resolve) => client.once('error', (error) => resolve(error.message)));
  await new Promise<void>((resolve, reject) => next.then((above) => above.once('data', () => resolve()), reject));
  one.clock.advance(60_000);
  expect(await refusal).toBe('Unexpected server response: 400');
  socket.destroy();
});
