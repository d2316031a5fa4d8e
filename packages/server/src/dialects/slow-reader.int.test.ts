import { io } from 'socket.io-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createServer, type Server } from '../server.ts';

let server: Server;
let token: string;
let admin: string;
const caller = { tenant: 'default', by: 'user:ada' };

beforeAll(async () => {
  server = await createServer({
    port: 0,
    store: 'memory',
    env: {},
    logLevel: 'silent',
    secret: 'a secret of the test',
  });
  token = await server.token({ sub: 'ada' });
  admin = await server.token({ sub: 'root', roles: ['admin'] });
});
afterAll(() => server.close());

async function external(): Promise<string> {
  const nodes = [{ id: 'a', task: 'work' }];
  return (await server.engine.create(caller, { workflow: 'demo', external: true, nodes })).id;
}
const append = (run: string, events: unknown[]) =>
  server.engine.append(caller, run, { events: events as Parameters<typeof server.engine.append>[2]['events'] });
const started = { type: 'node.started', node: 'a', data: {} };
const line = (message: string) => ({ type: 'log', data: { level: 'info', message } });

for (const transport of ['websocket', 'polling']) {
  test(`[DIA-136] a client that stops reading during a hot run is waited for, and reads all of it later, by ${transport}`, async () => {
    const run = await external();
    await append(run, [started]);
    const quick = io(`${server.url}/executions`, { auth: { token }, forceNew: true, transports: ['websocket'] });
    let result: unknown;
    quick.on('result', (told) => {
      result = told;
    });
    await quick.emitWithAck('subscribe', run);
    const slow = await (transport === 'polling' ? poller() : reader());
    await slow.send(`42/executions,["subscribe","${run}"]`);
    await vi.waitFor(() => expect(slow.text()).toContain('"status"'));
    slow.pause();
    const batches = 200;
    const counted = await slowReaders();
    for (let n = 0; n < batches; n++) {
      const lines = Array.from({ length: 40 }, (_, k) => line(`<${n * 40 + k}>${'x'.repeat(1_000)}`));
      await append(run, lines);
    }
    await append(run, [{ type: 'run.completed', data: { output: 1 } }]);
    await vi.waitFor(() => expect(result).toMatchObject({ result: 1 }), { timeout: 10_000 });
    expect(await slowReaders()).toBeGreaterThan(counted);
    // What the client's side of the transport had not taken is a small part of the 8 MB.
    expect(slow.text().length).toBeLessThan(4_000_000);
    await slow.resume();
    await vi.waitFor(() => expect(slow.text()).toContain('"result":1'), { timeout: 10_000 });
    const seen = [...slow.text().matchAll(/<(\d+)>/g)].map(([, n]) => Number(n));
    expect(seen).toEqual([...Array(batches * 40).keys()]);
    slow.close();
    quick.disconnect();
  }, 30_000);
}

async function slowReaders(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${admin}` } })).text();
  return Number(/^millrace_hub_slow_readers_total (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** A WebSocket that can stop taking anything in. */
async function reader() {
  const ws = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  let all = '';
  ws.on('message', (data) => {
    all += String(data);
    if (String(data) === '2') ws.send('3');
  });
  await new Promise<void>((resolve) => ws.once('open', resolve));
  ws.send(`40/executions,${JSON.stringify({ token: token })}`);
  await vi.waitFor(() => expect(all).toContain('40/executions'));
  return {
    text: () => all,
    send: async (packet: string) => ws.send(packet),
    pause: () => ws.pause(),
    resume: async () => ws.resume(),
    close: () => ws.terminate(),
  };
}

/** A poller that polls when it likes. */
async function poller() {
  const base = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1)) as { sid: string };
  const url = `${base}&sid=${sid}`;
  const send = async (body: string) => void (await fetch(url, { method: 'POST', body }));
  let all = '';
  let on = true;
  const poll = async () => {
    while (on) {
      const answer = await fetch(url);
      if (!answer.ok) return;
      const text = await answer.text();
      all += text;
      if (text.split('\u001e').includes('2')) await send('3');
    }
  };
  await send(`40/executions,${JSON.stringify({ token: token })}`);
  let polling = poll();
  return {
    text: () => all,
    send,
    pause: () => {
      on = false;
    },
    async resume() {
      await polling;
      on = true;
      polling = poll();
    },
    close: () => {
      on = false;
    },
  };
}
