import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connected, packets, Rig } from './socketio.rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await new Rig().open();
});
afterEach(() => rig.close());

test('[DIA-35] the token comes from `auth`, else the query, else `Authorization`', async () => {
  const authorization = { extraHeaders: { authorization: 'Bearer good-header' } };
  const query = { query: { token: 'good-query' } };
  const cases = [
    { ...authorization, ...query, auth: { token: 'good-auth' } },
    { ...authorization, ...query, auth: {} },
    { ...authorization, auth: {} },
  ];
  for (const transports of [['websocket'], ['polling']]) {
    for (const about of cases) await connected(rig.client('/', { ...about, transports }));
  }
  const bearers = ['auth', 'query', 'header'];
  expect(rig.root.sessions.map(({ bearer }) => bearer)).toEqual([...bearers, ...bearers]);
});

test('[DIA-36] a refused token ends in `connect_error` with its code, and the namespace never hears of it', async () => {
  await expect(connected(rig.client('/', { auth: {} }))).rejects.toMatchObject({
    message: 'No token came along.',
    data: { code: 'unauthorized', message: 'No token came along.' },
  });
  await expect(connected(rig.client('/', { auth: { token: 'old' } }))).rejects.toMatchObject({
    message: 'The token has expired.',
    data: { code: 'token_expired' },
  });
  expect(rig.root.sessions).toEqual([]);
});

test('[DIA-37] every request is judged by its origin and Host, polls and upgrades too', async () => {
  const handshake = `${rig.url}/socket.io/?EIO=4&transport=polling`;
  const ask = (url: string, origin: string, method = 'GET') => fetch(url, { method, headers: { origin } });
  const refused = await ask(handshake, 'https://evil.example');
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ code: 'origin_not_allowed' });
  expect(refused.headers.get('access-control-allow-origin')).toBeNull();

  const opened = await ask(handshake, 'https://app.example');
  expect(opened.status).toBe(200);
  expect(opened.headers.get('access-control-allow-origin')).toBe('https://app.example');
  const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
  expect((await ask(`${handshake}&sid=${sid}`, 'https://evil.example')).status).toBe(403);

  const preflight = await ask(handshake, 'https://app.example', 'OPTIONS');
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,content-type');

  const other = await ask(handshake, 'https://app.example', 'PUT');
  expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, POST, OPTIONS']);

  const evil = rig.client('/', { transports: ['websocket'], extraHeaders: { origin: 'https://evil.example' } });
  await expect(connected(evil)).rejects.toThrow();
  expect(rig.verified).toEqual([]);
});

test('[DIA-38] a client that lost its connection goes on from its offset, with its token checked again', async () => {
  const client = rig.client('/jobs', { transports: ['websocket'] });
  await connected(client);
  expect(client.recovered).toBe(false);
  const before = client.id;
  rig.jobs.last.socket.offset = () => 'at-7';
  const heard = new Promise((resolve) => client.once('log', resolve));
  rig.jobs.last.socket.write(packets(['log', 1]));
  await heard;
  client.io.engine.close();
  client.connect();
  await connected(client);
  expect(client.recovered).toBe(true);
  expect(client.id).not.toBe(before);
  expect(rig.jobs.last.socket.recovered).toBe('at-7');
  expect(rig.verified).toHaveLength(2);
  expect(rig.metrics.values.get('socketio_reconnects_total')).toBe(1);
});

test('[DIA-38] it does so when the server was killed and another one is there', async () => {
  const client = rig.client('/jobs', { transports: ['websocket'] });
  await connected(client);
  rig.jobs.last.socket.offset = () => 'at-8';
  const heard = new Promise((resolve) => client.once('log', resolve));
  rig.jobs.last.socket.write(packets(['log', 1]));
  await heard;
  const { port } = rig;
  await rig.kill();
  await rig.open({}, port);
  await vi.waitFor(() => expect(rig.jobs.sessions).toHaveLength(2), 5_000);
  await vi.waitFor(() => expect(client.recovered).toBe(true));
  expect(rig.jobs.last.socket.recovered).toBe('at-8');
});

test('[DIA-39] an offset that the namespace cannot use begins anew, under another id of recovery', async () => {
  const client = rig.client('/jobs', { transports: ['websocket'] });
  await connected(client);
  rig.jobs.last.socket.offset = () => 'nonsense';
  const heard = new Promise((resolve) => client.once('log', resolve));
  rig.jobs.last.socket.write(packets(['log', 1]));
  await heard;
  client.io.engine.close();
  client.connect();
  await connected(client);
  expect(client.recovered).toBe(false);
  expect(rig.jobs.last.socket.recovered).toBeUndefined();
});
