import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { SimulatedClock } from '../clock.ts';
import { createServer } from '../server.ts';

test('[SEE-48] a run-socket is told heartbeat every 30 s, also where nothing happens', async () => {
  const clock = new SimulatedClock();
  const options = { port: 0, store: 'memory', env: {}, logLevel: 'silent', secret: 'a secret of the test' } as const;
  const server = await createServer({ ...options, clock });
  onTestFinished(() => server.close());
  const token = await server.token({ sub: 'ada', roles: ['user', 'worker'] });
  const caller = { tenant: 'default', by: 'user:ada' };
  const { id: run } = await server.engine.create(caller, { workflow: 'quiet', external: true });
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws/${run}?token=${token}`);
  onTestFinished(() => socket.terminate());
  const told: { event_type: string; timestamp: string }[] = [];
  socket.on('message', (data) => told.push(JSON.parse(String(data)) as { event_type: string; timestamp: string }));
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(1));
  const beats = () => told.filter(({ event_type }) => event_type === 'heartbeat');
  for (let beat = 1; beat <= 3; beat += 1) {
    clock.advance(29_000);
    clock.advance(1_000);
    await vi.waitFor(() => expect(beats()).toHaveLength(beat));
  }
  const times = beats().map(({ timestamp }) => Date.parse(timestamp));
  expect(times.map((time, n) => time - (times[n - 1] ?? time))).toEqual([0, 30_000, 30_000]);
});
