import { type NewEvent, type RedactionClass, type RunEvent, redactionClasses } from '@millrace/protocol';
import { io, type ManagerOptions } from 'socket.io-client';
import * as msgpackParser from 'socket.io-msgpack-parser';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { live } from '../../../protocol/src/life.suite.ts';
import { secret } from '../../../protocol/src/sample.suite.ts';
import type { Bus } from '../bus/bus.ts';
import { type Served, serve } from '../http/served.suite.ts';
import { LogWriter } from '../hub/log-writer.suite.ts';

/** Lives that hold every event type, their hidden strings planted in every field that is of a class. */
const SEEDS = [3, 14, 15];
const LENGTH = 300;

let served: Served;
let writer: LogWriter;
let olga: string;

beforeAll(async () => {
  let bus: Bus | undefined;
  served = await serve({
    rateLimit: 1e6,
    instrument: {
      bus(made) {
        bus = made;
        return made;
      },
    },
  });
  writer = new LogWriter(served.server.store, bus);
  olga = await served.server.token({ sub: 'olga', tenant: 't', roles: ['operator'] });
});

afterAll(() => served.close());

const asNew = ({ seq: _seq, at: _at, ...event }: RunEvent): NewEvent => event as NewEvent;
const json = { 'content-type': 'application/json' };

async function get(path: string, token: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(served.server.url + path, { headers: { authorization: `Bearer ${token}`, ...headers } });
  return `${[...answer.headers].join()} ${await answer.text()}`;
}

/** Everything that a stock client of a namespace is told of what it subscribes to, acknowledgements too. */
async function stock(name: string, token: string, channels: readonly string[], about: Partial<ManagerOptions>) {
  const client = io(served.server.url + name, { auth: { token }, forceNew: true, ...about });
  const heard = { text: '', client };
  client.onAny((...told: unknown[]) => {
    heard.text += JSON.stringify(told);
  });
  for (const channel of channels) heard.text += JSON.stringify(await client.emitWithAck('subscribe', channel));
  return heard;
}

async function raw(token: string, run: string, query = '') {
  const ws = new WebSocket(`${served.server.url.replace('http', 'ws')}/ws/${run}?token=${token}${query}`);
  const heard = { text: '', ws };
  ws.on('message', (data) => {
    heard.text += data.toString();
  });
  await vi.waitFor(() => expect(heard.text).toContain('connected'));
  return heard;
}

/** What the dialects tell a link's bearer of a run; `write` writes the rest of it, to its end at `head()`. */
async function inDialects(token: string, run: string, write: () => Promise<void>, head: () => number): Promise<string> {
  const rooms = ['execution:', 'job:', 'agent:nobody:'].map((kind) => kind + run);
  const websocket = { transports: ['websocket'] };
  const namespaces = [
    await stock('/executions', token, [run, 'no such run'], websocket),
    await stock('/executions', token, [run], { transports: ['polling'] }),
    await stock('/executions', token, [run], { path: '/socket.io-msgpack/', parser: msgpackParser }),
    await stock('/', token, [...rooms, 'kb:kb1', 'user:olga', 'nonsense'], websocket),
  ];
  const sockets = [await raw(token, run), await raw(token, run, '&seq=0'), await raw(token, run, '&since=2001-01-01')];
  for (const { ws } of sockets) ws.send('{"type":"request_state"}');
  await write();
  for (const { text } of [...namespaces, ...sockets].map((heard) => ({ text: () => heard.text }))) {
    await vi.waitFor(() => expect(text()).toMatch(new RegExp(`"${run}:${head()}|"seq":${head()}\\b`)));
  }
  const [root] = namespaces.slice(-1);
  for (const wait of ['w1', 'w2', 'w3']) {
    const answer = { executionId: run, inputId: wait, value: 'not this' };
    if (root) root.text += JSON.stringify(await root.client.emitWithAck('user_input:provide', answer));
    for (const { ws } of sockets) {
      ws.send(JSON.stringify({ type: 'approval_response', approval_id: wait, decision: 'approved' }));
    }
  }
  for (const { ws } of sockets) {
    for (const type of ['pause', 'resume', 'request_state', 'nonsense', 'ping']) ws.send(JSON.stringify({ type }));
  }
  for (const heard of sockets) await vi.waitFor(() => expect(heard.text).toContain('"pong"'));
  // Whoever comes to an ended run is told its present state.
  const late = await raw(token, run);
  await vi.waitFor(() => expect(late.text).toContain('workflow_'));
  for (const { client } of namespaces) client.disconnect();
  for (const { ws } of [...sockets, late]) ws.terminate();
  return [...namespaces, ...sockets, late].map(({ text }) => text).join();
}

/** Everything that a connection is sent, as it comes. */
async function socket(token: string, frames: readonly object[]) {
  const ws = new WebSocket(`${served.server.url.replace('http', 'ws')}/live`, ['millrace.v1', `bearer.${token}`]);
  const heard = { text: '', ws };
  ws.on('message', (data) => {
    heard.text += data.toString();
  });
  await vi.waitFor(() => expect(heard.text).toContain('"hello"'));
  for (const frame of frames) ws.send(JSON.stringify(frame));
  return heard;
}

/** All that a share link's bearer can be told of these runs, by every surface, while the rest of them is written. */
async function everything(hide: readonly RedactionClass[], lives: readonly { run: string; rest: NewEvent[] }[]) {
  let all = '';
  for (const { run, rest } of lives) {
    const made = await fetch(`${served.server.url}/api/runs/${run}/links`, {
      method: 'POST',
      headers: { ...json, authorization: `Bearer ${olga}` },
      body: JSON.stringify({ access: 'act', expiresIn: 3_600_000, hide }),
    });
    const { token } = (await made.json()) as { token: string };
    expect(made.status).toBe(201);
    const heard = await socket(token, [
      { type: 'subscribe', id: 1, run, after: '0' },
      { type: 'list', id: 2, query: {}, events: true },
      { type: 'subscribe', id: 3, run, filter: { types: ['log', 'usage', 'approval.requested'] } },
    ]);
    const snapshots = await socket(token, [{ type: 'subscribe', id: 1, run }]);
    const gaps = await socket(token, [{ type: 'subscribe', id: 1, run, after: 'elsewhere:4' }]);
    await vi.waitFor(() =>
      expect([heard, snapshots, gaps].every(({ text }) => text.includes('"snapshot"'))).toBe(true),
    );
    const stream = get(`/api/runs/${run}/events?snapshot=1`, token, { accept: 'text/event-stream' });
    const write = async () => {
      for (const event of rest) await writer.append(run, [event]);
    };
    all += await inDialects(token, run, write, () => writer.head(run));
    const head = writer.head(run);
    for (const one of [heard, snapshots, gaps]) {
      await vi.waitFor(() => expect(one.text).toContain(`"through":${head}`), { timeout: 5_000, interval: 5 });
    }
    for (const wait of ['w1', 'w2', 'w3']) {
      heard.ws.send(
        JSON.stringify({
          type: 'command',
          id: 9,
          run,
          command: { type: 'approve', approvalId: wait, decision: 'approved' },
        }),
      );
      heard.ws.send(
        JSON.stringify({ type: 'command', id: 9, run, command: { type: 'provide', inputId: wait, value: 'not this' } }),
      );
    }
    for (const type of ['resume', 'cancel'] as const) {
      heard.ws.send(JSON.stringify({ type: 'command', id: type === 'cancel' ? 10 : 9, run, command: { type } }));
    }
    await vi.waitFor(() => expect(heard.text).toContain('"id":10'));
    all += heard.text + snapshots.text + gaps.text;
    for (const path of [
      `/api/runs/${run}/events?limit=10000`,
      '/api/runs',
      `/api/runs/${run}`,
      '/api/inbox',
      '/api/knowledge-bases',
      `/api/runs/${run}/descendants`,
      '/api/jobs',
      `/api/jobs/${run}`,
      `/api/jobs/${run}/checkpoint`,
    ]) {
      all += await get(path, token);
    }
    all += await get(`/api/runs/${run}/events`, token, { accept: 'text/event-stream', 'last-event-id': 'elsewhere:4' });
    all += await stream;
    for (const one of [heard, snapshots, gaps]) one.ws.terminate();
  }
  return all;
}

/** Three lives, each written to its half, and ended by whoever reads them to their ends. */
async function lives(name: string) {
  const written: { run: string; rest: NewEvent[] }[] = [];
  for (const seed of SEEDS) {
    const run = `${name}-${seed}`;
    const events = live(seed, LENGTH).map(asNew);
    const ends = ['run.completed', 'run.failed', 'run.cancelled'].includes(events.at(-1)?.type ?? '');
    if (!ends) events.push({ type: 'run.cancelled', data: { reason: secret('log'), duration: 1 } });
    for (const event of events.slice(0, events.length / 2)) await writer.append(run, [event]);
    written.push({ run, rest: events.slice(events.length / 2) });
  }
  return written;
}

test.each<[string, readonly RedactionClass[]]>([
  ...redactionClasses.map((kind): [string, RedactionClass[]] => [kind, [kind]]),
  ['every class', redactionClasses],
])(
  '[HUB-26] of a link that hides %s no hidden string reaches the socket, by any surface',
  async (name, hide) => {
    const text = await everything(hide, await lives(name.replace(' ', '-')));
    for (const kind of hide) expect(text.indexOf(secret(kind)), kind).toBe(-1);
    if (hide.includes('cost')) expect(text).not.toContain('987654');
    // The same surfaces show what is not hidden.
    for (const kind of redactionClasses) if (!hide.includes(kind)) expect(text, kind).toContain(secret(kind));
  },
  60_000,
);
