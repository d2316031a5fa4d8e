import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createServer, type Server } from '../server.ts';
import type { Store } from '../store/store.ts';

let server: Server;
const sockets: Socket[] = [];
const caller = { tenant: 'default', by: 'user:ada' };
/** what a read of a row waits for, and whether a read of rows fails */
let held: Promise<void> | undefined;
let rowsHeld: Promise<void> | undefined;
let broken = false;

function troubled(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...given: unknown[]) => {
        await (name === 'runRow' ? held : rowsHeld);
        if (name === 'runRows' && broken) throw new Error('The disk is on fire.');
        return value.apply(target, given);
      };
    },
  });
}

/** Only what a run-socket and rooms read: the other methods answer at once, as they always do. */
const reads = new Set(['runRow', 'runRows']);

beforeAll(async () => {
  server = await createServer({
    port: 0,
    store: 'memory',
    env: {},
    logLevel: 'silent',
    secret: 'a secret of the test',
    instrument: {
      store(store) {
        const other = troubled(store);
        return new Proxy(store, {
          get(target, name) {
            if (reads.has(String(name))) return Reflect.get(other, name);
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      },
    },
  });
});
afterEach(() => {
  held = undefined;
  rowsHeld = undefined;
  broken = false;
  for (const socket of sockets.splice(0)) socket.disconnect();
});
afterAll(() => server.close());

type Told = [event: string, data: Record<string, unknown>];

async function connect(
  path = '/',
  who: Parameters<Server['token']>[0] = { sub: 'ada' },
): Promise<{ socket: Socket; told: Told[]; places: string[]; names(): string[] }> {
  const token = await server.token(who);
  const options = { auth: { token }, forceNew: true, reconnectionDelay: 10, transports: ['websocket'] };
  const socket = io(server.url + path, options);
  sockets.push(socket);
  const told: Told[] = [];
  const places: string[] = [];
  socket.onAny((event: string, data: Record<string, unknown>) => {
    if (event === 'position') places.push(String(data));
    else told.push([event, data]);
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { socket, told, places, names: () => told.map(([event]) => event) };
}

async function external(owner = 'ada'): Promise<string> {
  const nodes = [{ id: 'a', task: 'work' }];
  const by = { tenant: 'default', by: `user:${owner}` };
  const { id } = await server.engine.create(by, { workflow: 'demo', external: true, nodes });
  return id;
}
const append = (run: string, events: unknown[]) =>
  server.engine.append(caller, run, { events: events as Parameters<typeof server.engine.append>[2]['events'] });
const started = { type: 'node.started', node: 'a', data: {} };
const line = (message: string) => ({ type: 'log', data: { level: 'info', message } });
const operator = { sub: 'op', roles: ['operator' as const] };

/** The transport goes, and comes back. */
async function cut(socket: Socket): Promise<boolean> {
  const back = new Promise<boolean>((resolve) => socket.once('connect', () => resolve(socket.recovered)));
  socket.io.engine.close();
  return back;
}

test('[DIA-120] a client that comes back is in its rooms again, whatever characters their names hold', async () => {
  const { socket, names } = await connect('/', operator);
  const run = await external('bob');
  await append(run, [started]);
  expect(await socket.emitWithAck('subscribe', `agent:team/writer=1:${run}`)).toEqual({ ok: true });
  expect(await socket.emitWithAck('subscribe', 'kb:docs/hand;book=2')).toEqual({ ok: true });
  const say = (text: string) => ({
    type: 'agent.token',
    node: 'a',
    data: { agentId: 'team/writer=1', messageId: 'm', text },
  });
  const document = (documentId: string) => ({
    type: 'kb.started',
    node: 'a',
    data: { kbId: 'docs/hand;book=2', documentId, fileName: 'a.md' },
  });
  await append(run, [say('one'), document('d1')]);
  await vi.waitFor(() => expect(names().sort()).toEqual(['agent:token', 'kb:upload_started']));
  expect(await cut(socket)).toBe(true);
  await append(run, [say('two'), document('d2')]);
  await vi.waitFor(() =>
    expect(names().sort()).toEqual(['agent:token', 'agent:token', 'kb:upload_started', 'kb:upload_started']),
  );
});

test('[DIA-121] what has failed can be subscribed again, and begins anew', async () => {
  const { socket, names } = await connect('/', operator);
  broken = true;
  expect(await socket.emitWithAck('subscribe', 'kb:handbook')).toEqual({ ok: true });
  await vi.waitFor(() => expect(names()).toEqual(['error']));
  broken = false;
  expect(await socket.emitWithAck('subscribe', 'kb:handbook')).toEqual({ ok: true });
  const run = await external('bob');
  const document = { kbId: 'handbook', documentId: 'd', fileName: 'a.md' };
  await append(run, [started, { type: 'kb.started', node: 'a', data: document }]);
  await vi.waitFor(() => expect(names().filter((name) => name === 'kb:upload_started').length).toBeGreaterThan(0));
});

test('[DIA-122] several subscriptions to one key in one breath are one, and each is answered as it ends', async () => {
  const { socket, told } = await connect('/executions');
  const nobody = await Promise.all([1, 2, 3].map(() => socket.emitWithAck('subscribe', 'no such run')));
  expect(nobody.map(({ code }) => code)).toEqual(Array(3).fill('run_not_found'));
  const run = await external();
  await append(run, [started, line('one')]);
  const ask = (event: string) => socket.emitWithAck(event, run);
  await Promise.all(['subscribe', 'unsubscribe', 'subscribe', 'subscribe', 'unsubscribe', 'subscribe'].map(ask));
  await append(run, [line('two')]);
  const lines = () => told.flatMap(([, { log }]) => (log ? [(log as { message: string }).message] : []));
  await vi.waitFor(() => expect(lines()).toEqual(['one', 'two']));
  await ask('unsubscribe');
  await append(run, [line('three')]);
  const other = await external();
  await append(other, [started, line('of another')]);
  await socket.emitWithAck('subscribe', other);
  await vi.waitFor(() => expect(lines()).toEqual(['one', 'two', 'of another']));
});

test('[DIA-122] a bad subscription that was taken back does not make the next one two', async () => {
  const { socket, told } = await connect();
  const run = await external('op');
  await append(run, [started]);
  const channel = `job:${run}`;
  const mine = await connect('/', operator);
  let release = () => {};
  held = new Promise((resolve) => {
    release = resolve;
  });
  const first = mine.socket.emitWithAck('subscribe', channel, { after: 'x:y:z' });
  const second = mine.socket.emitWithAck('unsubscribe', channel);
  const third = mine.socket.emitWithAck('subscribe', channel);
  await second;
  release();
  expect(await first).toMatchObject({ code: 'invalid_cursor' });
  expect(await third).toEqual({ ok: true });
  expect(await mine.socket.emitWithAck('subscribe', channel)).toEqual({ ok: true });
  await append(run, [{ type: 'run.progress', data: { progress: 5 } }]);
  await append(run, [{ type: 'run.completed', data: { output: 1 } }]);
  await vi.waitFor(() => expect(mine.names()).toContain('job:completed'));
  expect(mine.names().filter((name) => name.startsWith('job:'))).toEqual([
    'job:started',
    'job:progress',
    'job:completed',
  ]);
  expect(told).toEqual([]);
  expect(socket.connected).toBe(true);
});

test('[DIA-123] who asks a run-socket for the state before it is known whether they may see the run is told nothing of it', async () => {
  const run = await external('bob');
  await append(run, [started, line('a secret')]);
  const follow = async (sub: string) => {
    const ws = new WebSocket(`${server.url.replace('http', 'ws')}/ws/${run}?token=${await server.token({ sub })}`);
    const told: { event_type: string }[] = [];
    ws.on('message', (data) => told.push(JSON.parse(String(data))));
    return { ws, types: () => told.map(({ event_type }) => event_type) };
  };
  const bob = await follow('bob');
  await vi.waitFor(() => expect(bob.types()).toContain('workflow_started'));
  let release = () => {};
  held = new Promise((resolve) => {
    release = resolve;
  });
  const ada = await follow('ada');
  await new Promise<void>((resolve) => ada.ws.once('open', resolve));
  ada.ws.send('{"type":"request_state"}');
  ada.ws.send('{"type":"ping"}');
  await vi.waitFor(() => expect(ada.types()).toContain('pong'));
  // The state would come no later than that of somebody who may see it.
  bob.ws.send('{"type":"request_state"}');
  await vi.waitFor(() => expect(bob.types().filter((type) => type === 'dag_created')).toHaveLength(2));
  const closed = new Promise((resolve) => ada.ws.once('close', resolve));
  release();
  await closed;
  expect(ada.types()).toEqual(['pong', 'error', 'disconnected']);
  // Whoever may see it is given the state, however soon it asks.
  held = new Promise((resolve) => {
    release = resolve;
  });
  const early = await follow('bob');
  await new Promise<void>((resolve) => early.ws.once('open', resolve));
  early.ws.send('{"type":"request_state"}');
  early.ws.send('{"type":"ping"}');
  await vi.waitFor(() => expect(early.types()).toEqual(['pong']));
  release();
  await vi.waitFor(() => expect(early.types().filter((type) => type === 'dag_created')).toHaveLength(2));
  for (const { ws } of [bob, early]) ws.close();
});

test('[DIA-124] a name that is no well-formed text is refused, and harms nobody', async () => {
  const { socket, names } = await connect();
  for (const channel of ['kb:\ud800', 'user:\udfff', 'agent:\ud800:run', 'execution:\ud800']) {
    expect(await socket.emitWithAck('subscribe', channel)).toMatchObject({ code: 'invalid_message' });
  }
  expect(await socket.emitWithAck('subscribe', `kb:${'x'.repeat(500)}`)).toMatchObject({ code: 'invalid_message' });
  const executions = await connect('/executions');
  expect(await executions.socket.emitWithAck('subscribe', '\ud800')).toMatchObject({ code: 'invalid_message' });
  const run = await external();
  await append(run, [started]);
  await vi.waitFor(() => expect(names()).toContain('node:started'));
});

test('[DIA-125] a cursor that lies beyond the log, or is of another epoch, is answered with the whole log', async () => {
  const { socket, names } = await connect('/', operator);
  const run = await external('bob');
  await append(run, [started]);
  for (const after of [999_999, 'elsewhere:1']) {
    expect(await socket.emitWithAck('subscribe', `execution:${run}`, { after })).toEqual({ ok: true });
    await vi.waitFor(() => expect(names()).toContain('node:started'));
    await socket.emitWithAck('unsubscribe', `execution:${run}`);
  }
  expect(names().filter((name) => name === 'node:started')).toHaveLength(2);
});

test('[DIA-126] an answer may be null', async () => {
  const run = await external();
  const asked = { inputId: 'age', prompt: 'How old?', schema: { type: ['integer', 'null'] } };
  await append(run, [started, { type: 'input.requested', node: 'a', data: asked }]);
  const { socket } = await connect();
  const answer = { executionId: run, inputId: 'age', value: null };
  expect(await socket.emitWithAck('user_input:provide', answer)).toEqual({ ok: true });
  for (const inputId of ['constructor', '__proto__', '', 'toString']) {
    expect(await socket.emitWithAck('user_input:provide', { ...answer, inputId })).toMatchObject({
      code: 'wait_not_found',
    });
  }
});

/** A client that hands back a position of its own making. */
async function forge(
  cursors: (epoch: string, at: string) => string,
  path = '/',
  who: { sub: string } = { sub: 'ada' },
) {
  const { socket, told, places } = await connect(path, who);
  const run = await external(who.sub);
  if (path === '/executions') await socket.emitWithAck('subscribe', run);
  await append(run, [started]);
  await vi.waitFor(() => expect(places.length).toBeGreaterThan(0));
  const [epoch = '', at = ''] = (places[0] ?? '').split(';');
  told.length = 0;
  Object.assign(socket, { _lastOffset: cursors(epoch, at) });
  return { recovered: await cut(socket), socket, told, run };
}

test('[DIA-127] a forged position opens nothing that may not be seen, says so, and harms nobody', async () => {
  const foreign = await external('bob');
  await append(foreign, [started, line('a secret')]);
  const stranger = await server.engine.create(
    { tenant: 'elsewhere', by: 'user:eve' },
    { workflow: 'demo', external: true, nodes: [{ id: 'a', task: 'work' }] },
  );
  const keys = [
    `execution:${foreign}`,
    `job:${stranger.id}`,
    `agent:x:${foreign}`,
    'user:bob',
    '__proto__',
    'constructor',
  ];
  const { recovered, told, socket } = await forge(
    (epoch, at) =>
      [epoch, at, ...keys.map((key) => `${encodeURIComponent(key)}=1`), `user%3Aada/${foreign}=1`, 'kb%3Ax/y=0'].join(
        ';',
      ),
    '/',
  );
  expect(recovered).toBe(true);
  await vi.waitFor(() => expect(told.filter(([event]) => event === 'error')).toHaveLength(keys.length));
  expect(
    told
      .filter(([event]) => event === 'error')
      .map(([, { code }]) => code)
      .sort(),
  ).toEqual(
    ['run_not_found', 'run_not_found', 'run_not_found', 'forbidden', 'invalid_message', 'invalid_message'].sort(),
  );
  expect(JSON.stringify(told.filter(([event]) => event !== 'error'))).not.toContain(foreign);
  expect(await socket.emitWithAck('subscribe', 'kb:z')).toEqual({ ok: true });
});

test('[DIA-127] a position that names more than one connection may hold begins anew', async () => {
  const many = (epoch: string, at: string) =>
    [epoch, at, ...Array.from({ length: 10_000 }, (_, n) => `${n}=1`)].join(';');
  const { recovered, told } = await forge(many, '/executions');
  expect(recovered).toBe(false);
  expect(told.filter(([event]) => event === 'error')).toEqual([]);
});

test('[DIA-134] what was joined and left before anything happened there is so still when the client comes back', async () => {
  const { socket, names, places } = await connect('/', { sub: 'ines', roles: ['operator'] });
  const run = await external('bob');
  await vi.waitFor(() => expect(places.length).toBeGreaterThan(0));
  for (const channel of ['kb:quiet', 'kb:left', `job:${run}`]) await socket.emitWithAck('subscribe', channel);
  for (const channel of ['kb:left', `job:${run}`]) await socket.emitWithAck('unsubscribe', channel);
  expect(await cut(socket)).toBe(true);
  const upload = (kbId: string) => ({
    type: 'kb.started',
    node: 'a',
    data: { kbId, documentId: 'd', fileName: 'a.md' },
  });
  await append(run, [started, upload('left')]);
  await append(run, [upload('quiet')]);
  await vi.waitFor(() => expect(names()).toEqual(['kb:upload_started']));
});

test("[DIA-135] what happens while a client is away is told in its user's room, also where it had been told nothing", async () => {
  const before = await external('eve');
  await append(before, [started]);
  const { socket, told, places } = await connect('/', { sub: 'eve' });
  await vi.waitFor(() => expect(places.length).toBeGreaterThan(0));
  const back = new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.io.engine.close();
  await append(before, [{ type: 'run.completed', data: { output: 1 } }]);
  const meanwhile = await external('eve');
  await append(meanwhile, [started, { type: 'run.completed', data: { output: 1 } }]);
  await back;
  const ended = () => told.filter(([name]) => name === 'execution:completed').map(([, { executionId }]) => executionId);
  await vi.waitFor(() => expect(ended().sort()).toEqual([before, meanwhile].sort()));
  // What it had been spared at first, it is spared now.
  expect(told.filter(([name, { executionId }]) => name === 'node:started' && executionId === before)).toEqual([]);
});

test('[DIA-135] a client is not told where it stands while a room still looks for what it missed', async () => {
  const run = await external('uma');
  await append(run, [started]);
  const { socket, places, names } = await connect('/', { sub: 'uma' });
  await vi.waitFor(() => expect(places.length).toBeGreaterThan(0));
  let release = () => {};
  rowsHeld = new Promise((resolve) => {
    release = resolve;
  });
  const known = places.length;
  expect(await cut(socket)).toBe(true);
  await append(run, [{ type: 'run.completed', data: { output: 1 } }]);
  expect(await socket.emitWithAck('subscribe', `job:${run}`)).toEqual({ ok: true });
  await vi.waitFor(() => expect(names()).toContain('job:completed'));
  expect(places).toHaveLength(known);
  release();
  await vi.waitFor(() => expect(places.length).toBeGreaterThan(known));
  await vi.waitFor(() => expect(names()).toContain('execution:completed'));
});
