import type { RunEvent } from '@millrace/protocol/event';
import { onTestFinished } from 'vitest';
import { type Client, type ClientOptions, createClient } from './client.ts';
import { FakeServer } from './fake-server.suite.ts';
import type { RunStore } from './run-store.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';

/** A client of a server in memory, on a clock that the test moves; `states` are those that the connection went through. */
export function setup(options: Partial<ClientOptions> = {}) {
  const server = new FakeServer();
  const clock = new SimulatedClock();
  let tellNetwork = (_online: boolean) => {};
  let wake = () => {};
  const client = createClient({
    url: 'http://millrace.test/',
    token: 'good',
    clock,
    ...options,
    platform: {
      WebSocket: server.WebSocket,
      fetch: server.fetch,
      random: () => 0.5,
      onNetwork: (listener) => {
        tellNetwork = listener;
        return () => {};
      },
      onWake: (listener) => {
        wake = listener;
        return () => {};
      },
    },
  });
  onTestFinished(() => client.disconnect());
  const states: string[] = [];
  client.connection.subscribe(() => {
    const { state } = client.connection.getSnapshot();
    if (states.at(-1) !== state) states.push(state);
  });
  return { server, clock, client, states, network: (online: boolean) => tellNetwork(online), wake: () => wake() };
}

/** Follows a run and keeps what a user would have seen of it. */
export function watch(client: Client, run: string): { store: RunStore; seen: RunEvent[]; leave(): void } {
  const store = client.run(run);
  const seen: RunEvent[] = [];
  const off = [store.subscribe(() => {}), store.onEvents((events) => seen.push(...events))];
  return {
    store,
    seen,
    leave() {
      for (const leave of off) leave();
    },
  };
}

export const seqs = (events: readonly { seq: number }[]): number[] => events.map(({ seq }) => seq);
export const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);
