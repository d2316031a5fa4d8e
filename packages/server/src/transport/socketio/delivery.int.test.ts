import { MillraceError } from '@millrace/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connected, heard, packets, Rig } from './socketio.rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await new Rig().open();
});
afterEach(() => rig.close());

const carriers = [
  ['WebSocket', ['websocket']],
  ['polling', ['polling']],
  ['polling that becomes WebSocket', ['polling', 'websocket']],
] as const;

for (const [name, transports] of carriers) {
  for (const format of ['client', 'msgpackClient'] as const) {
    const words = format === 'client' ? "Socket.IO's own format" : 'MessagePack';
    test(`[DIA-30] a stock client over ${name} in ${words} is sent every packet in order, in each namespace`, async () => {
      const root = rig[format]('/', { transports: [...transports] });
      const jobs = rig[format]('/jobs', { transports: [...transports] });
      const events = [heard(root), heard(jobs)];
      await Promise.all([connected(root), connected(jobs)]);
      const expected: [string, unknown][] = [];
      for (let turn = 0; turn < 20; turn++) {
        const said = [0, 1, 2].map((n): [string, unknown] => ['log', { turn, n, text: 'ü€ "quoted"' }]);
        expected.push(...said);
        rig.root.last.socket.write(packets(...said));
        rig.jobs.last.socket.write(packets(...said));
        await new Promise((next) => setImmediate(next));
      }
      await vi.waitFor(() => expect(events).toEqual([expected, expected]));
      expect(rig.metrics.values.get('socketio_events_total')).toBe(120);
    });
  }
}

test('[DIA-31] a namespace is told of events with their arguments, and its answer is the acknowledgement', async () => {
  for (const format of ['client', 'msgpackClient'] as const) {
    const client = rig[format]('/jobs');
    await connected(client);
    expect(await client.emitWithAck('subscribe', 'r', { deep: [1] })).toEqual({ ok: true, args: ['r', { deep: [1] }] });
    client.emit('plain', 1);
    await vi.waitFor(() => expect(rig.jobs.last.received.at(-1)).toEqual(['plain', 1]));
    expect(rig.jobs.last.received[0]).toEqual(['subscribe', 'r', { deep: [1] }]);
    client.disconnect();
    await vi.waitFor(() => expect(rig.jobs.last.over).toBe(true));
  }
});

test('[DIA-31] a client leaves one namespace and stays in the other; both share one connection', async () => {
  const root = rig.client('/', { transports: ['websocket'], forceNew: false });
  const jobs = root.io.socket('/jobs', { auth: { token: 'good-ben' } });
  jobs.connect();
  await Promise.all([connected(root), connected(jobs)]);
  expect([rig.root.last.bearer, rig.jobs.last.bearer]).toEqual(['ann', 'ben']);
  expect(rig.metrics.values.get('socketio_connections websocket')).toBe(1);
  jobs.disconnect();
  await vi.waitFor(() => expect(rig.jobs.last.over).toBe(true));
  expect(await root.emitWithAck('ask')).toMatchObject({ ok: true });
  expect(rig.root.last.over).toBe(false);
});

test('[DIA-32] an unknown namespace is refused as Socket.IO refuses it', async () => {
  await expect(connected(rig.client('/nowhere'))).rejects.toMatchObject({ message: 'Invalid namespace' });
});

test('[DIA-33] a socket that is closed by the server sees `transport close` and comes back by itself', async () => {
  const client = rig.client('/jobs', { transports: ['websocket'] });
  await connected(client);
  const reason = new Promise((resolve) => client.once('disconnect', resolve));
  rig.jobs.last.socket.write(packets(['last', 1]));
  const last = new Promise((resolve) => client.once('last', resolve));
  rig.jobs.last.socket.close(1001, 'drain');
  expect(await last).toBe(1);
  expect(await reason).toBe('transport close');
  await vi.waitFor(() => expect(rig.jobs.sessions).toHaveLength(2));
  expect(rig.jobs.sessions[0]?.over).toBe(true);
  expect(rig.metrics.values.get('socketio_failed_deliveries_total')).toBeUndefined();
});

test('[DIA-33] a poller that is closed sees `transport close` too', async () => {
  const client = rig.client('/jobs', { transports: ['polling'] });
  await connected(client);
  const reason = new Promise((resolve) => client.once('disconnect', resolve));
  rig.jobs.last.socket.close(1001, 'drain');
  expect(await reason).toBe('transport close');
  await vi.waitFor(() => expect(rig.jobs.sessions).toHaveLength(2));
});

test('[DIA-34] where a client stands goes out behind each write, as an event of its own, in both formats', async () => {
  for (const format of ['client', 'msgpackClient'] as const) {
    const client = rig[format]();
    await connected(client);
    const events = heard(client);
    let seq = 0;
    rig.root.last.socket.offset = () => (seq === 2 ? undefined : `at-${seq}`);
    for (seq = 1; seq < 3; seq++) rig.root.last.socket.write(packets(['a', seq], ['b', seq]));
    await vi.waitFor(() => expect(events).toHaveLength(5));
    expect(events).toEqual([
      ['a', 1],
      ['b', 1],
      ['position', 'at-1'],
      ['a', 2],
      ['b', 2],
    ]);
    client.disconnect();
  }
});

test('[DIA-33] a namespace that fails loses the connection that it failed for, and no other', async () => {
  const other = rig.client('/');
  await connected(other);
  const { connect } = rig.jobs;
  rig.jobs.connect = () => {
    throw new MillraceError('internal');
  };
  const client = rig.client('/jobs', { reconnection: false });
  expect(await new Promise((resolve) => client.once('disconnect', resolve))).toBe('transport close');
  rig.jobs.connect = connect;
  expect(await other.emitWithAck('ask')).toMatchObject({ ok: true });
});
