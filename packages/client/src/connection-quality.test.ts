import { expect, test } from 'vitest';
import { setup, watch } from './client-setup.suite.ts';
import { measuredConnection } from './connection-quality.ts';
import { settle } from './fake-server.suite.ts';

test('[CLT-101] the round trip is measured from when it comes up, then with every heartbeat', async () => {
  const { server, client, clock } = setup();
  server.append('r', 1);
  server.answers = false;
  const measured = measuredConnection(client);
  watch(client, 'r');
  await settle();
  const trips = [30, 10, 20];
  for (const ms of trips) {
    const ping = server.socket.received.findLast(({ type }) => type === 'ping');
    clock.advance(ms);
    if (ping?.type === 'ping') server.socket.send({ type: 'pong', at: ping.at, now: 0 });
    clock.advance(30_000 - ms);
    await settle();
  }
  expect(measured.getSnapshot()).toMatchObject({
    state: 'live',
    transport: 'websocket',
    quality: { roundTrip: { p50: 20, p95: 30 }, reconnects: 0, lag: 0 },
  });
});

test('[CLT-101] reconnects of the last hour are counted, and one client is measured once', async () => {
  const { server, client, clock } = setup();
  server.append('r', 1);
  const measured = measuredConnection(client);
  expect(measuredConnection(client)).toBe(measured);
  expect(measured.getSnapshot().quality).toEqual({ roundTrip: undefined, reconnects: 0, lag: 0 });
  watch(client, 'r');
  await settle();
  for (let n = 0; n < 3; n++) {
    server.socket.cut();
    clock.advance(30_000);
    await settle();
  }
  expect(measured.getSnapshot().quality.reconnects).toBe(3);
  for (let n = 0; n < 130; n++) {
    clock.advance(30_000);
    await settle();
  }
  expect(measured.getSnapshot()).toMatchObject({ state: 'live', quality: { reconnects: 0 } });
});

test('[CLT-101] the lag is what the server has and the page has not', async () => {
  const { server, client, clock } = setup();
  server.append('r', 5);
  const measured = measuredConnection(client);
  watch(client, 'r');
  await settle();
  const lags: number[] = [];
  measured.subscribe(() => lags.push(measured.getSnapshot().quality.lag));
  server.socket.cut();
  server.append('r', 30);
  server.page = 10;
  clock.advance(30_000);
  await settle();
  expect(lags.filter((lag, at) => lag !== lags[at - 1])).toEqual([0, 20, 10, 0]);
  expect(measured.getSnapshot()).toMatchObject({ state: 'live', quality: { lag: 0 } });
});
