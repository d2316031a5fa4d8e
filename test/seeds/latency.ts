import { expect, vi } from 'vitest';
import { RunSocketClient } from './run-socket-client.ts';
import type { Producer } from './server-process.ts';
import { SocketClient } from './socketio-client.ts';

const RUNS = 4;
/** appends to each run, one after the other */
const APPENDS = 100;

/**
 * ms from just before a worker's append to the message in a stock client, 99th percentile, by dialect: four runs that
 * are written at the same time, each followed by one client of each dialect.
 */
export async function latencies(url: string, token: string, producer: Producer): Promise<Record<string, number>> {
  const samples: Record<string, number[]> = { 'run-socket': [], executions: [], channels: [], jobs: [] };
  const closers: (() => unknown)[] = [];
  const sent = new Map<string, number>();
  const hear = (dialect: string, label: unknown): void => {
    const at = sent.get(String(label));
    if (at === undefined) return;
    samples[dialect]?.push(performance.now() - at);
  };
  const connect = async (namespace: string, room: string, listen: (client: SocketClient) => void) => {
    const client = new SocketClient(url + namespace, { auth: { token } });
    closers.push(() => client.close());
    listen(client);
    await client.ask('subscribe', room);
  };
  const runs = await Promise.all(Array.from({ length: RUNS }, () => producer.open()));
  try {
    for (const run of runs) {
      const socket = new RunSocketClient(`${url.replace('http', 'ws')}/ws/${run}?token=${token}`);
      closers.push(() => socket.close());
      socket.socket.addEventListener('message', ({ data }) => {
        const message = JSON.parse(String(data)) as { event_type: string; data: { name?: string } };
        if (message.event_type === 'metric_update') hear('run-socket', message.data.name);
      });
      await vi.waitFor(() => expect(socket.types).toContain('connected'), { timeout: 5_000, interval: 5 });
      await connect('/executions', run, ({ socket }) =>
        socket.on('log', ({ log }: { log: { message: string } }) => hear('executions', log.message)),
      );
      await connect('/', `execution:${run}`, ({ socket }) =>
        socket.on('execution:updated', ({ currentStep }: { currentStep?: string }) => hear('channels', currentStep)),
      );
      await connect('/', `job:${run}`, ({ socket }) =>
        socket.on('job:progress', ({ step }: { step?: string }) => hear('jobs', step)),
      );
    }
    await Promise.all(
      runs.map(async (run) => {
        for (let n = 0; n < APPENDS; n += 1) {
          const label = `${run} ${n}`;
          sent.set(label, performance.now());
          await producer.append(
            run,
            { type: 'metric', data: { name: label, value: n } },
            { type: 'log', data: { level: 'info', message: label } },
            { type: 'run.progress', data: { progress: 1, message: label } },
          );
        }
      }),
    );
    const expected = Object.fromEntries(Object.keys(samples).map((dialect) => [dialect, RUNS * APPENDS]));
    const heard = () => Object.fromEntries(Object.entries(samples).map(([dialect, { length }]) => [dialect, length]));
    await vi.waitFor(() => expect(heard()).toEqual(expected), { timeout: 10_000, interval: 10 });
  } finally {
    for (const close of closers) await close();
  }
  return Object.fromEntries(
    Object.entries(samples).map(([dialect, times]) => {
      const sorted = times.sort((a, b) => a - b);
      return [dialect, sorted[Math.ceil(sorted.length * 0.99) - 1] as number];
    }),
  );
}
