import type { NewEvent } from '@millrace/protocol/event';
import { expect, onTestFinished, test } from 'vitest';
import { createServer } from '../../../server/src/server.ts';
import { createClient } from '../client.ts';
import { CuttingProxy } from '../cutting-proxy.suite.ts';
import { AgentStreamingStore } from './agent-streaming.ts';
import { ExecutionEventsStore } from './execution-events.ts';
import { JobProgressStore } from './job-progress.ts';
import { ResilientSocket } from './resilient-socket.ts';
import { socketWays } from './socket-ways.ts';

/** The server itself, behind a proxy that can cut, and what the hooks stand on. */
async function setup() {
  const server = await createServer({ env: {}, port: 0, store: 'memory', logLevel: 'silent' });
  const proxy = new CuttingProxy(server.ports[0] ?? 0);
  const url = await proxy.listen();
  onTestFinished(async () => {
    await proxy.close();
    await server.close();
  });
  const policy = { backoffMin: 20, backoffMax: 100 };
  const client = createClient({ url, token: await server.token({ sub: 'ada', roles: ['admin'] }), policy });
  onTestFinished(() => client.disconnect());
  const caller = { tenant: 'default', by: 'user:ada' };
  const create = async () => (await server.engine.create(caller, { workflow: 'ext', external: true })).id;
  const append = (run: string, ...events: NewEvent[]) => server.engine.append(caller, run, { events });
  return { proxy, url, client, create, append };
}

const said = (text: string): NewEvent => ({ type: 'agent.token', data: { agentId: 'bot', messageId: 'm', text } });

test("[CLT-107] over the real server, through cuts: an execution's events come once each and in order", async () => {
  const { proxy, client, create, append } = await setup();
  const run = await create();
  const store = new ExecutionEventsStore(client.run(run));
  onTestFinished(store.subscribe(() => {}));
  await expect.poll(() => store.getSnapshot().status).toBe('created');
  for (let n = 0; n < 60; n++) {
    if (n % 20 === 10) proxy.cut();
    await append(run, { type: 'node.started', node: `n${n}`, attempt: 1, data: {} });
    await append(run, { type: 'node.completed', node: `n${n}`, attempt: 1, data: { output: n } });
  }
  await append(run, { type: 'run.completed', data: { output: 'all' } });
  await expect.poll(() => store.getSnapshot().status, { timeout: 10_000 }).toBe('completed');
  const { events } = store.getSnapshot();
  const outputs = events.flatMap(({ event, data }) => (event === 'node:completed' ? [data.outputs] : []));
  expect(outputs).toEqual(Array.from({ length: 60 }, (_, n) => n));
  expect(events.at(-1)).toMatchObject({ event: 'execution:completed', data: { executionId: run, outputs: 'all' } });
  expect(new Set(events.map(({ data }) => data.id)).size).toBe(events.length);
});

test("[CLT-108] [CLT-109] over the real server: what an agent says, in its newest run, and a job's progress to its end", async () => {
  const { proxy, client, create, append } = await setup();
  const old = await create();
  await append(old, said('before '));
  const agent = new AgentStreamingStore(client, 'bot');
  onTestFinished(agent.subscribe(() => {}));
  await expect.poll(() => agent.getSnapshot()).toMatchObject({ executionId: old, response: 'before ' });
  const job = await create();
  const jobs = new JobProgressStore(client, [job]);
  onTestFinished(jobs.subscribe(() => {}));
  await append(job, { type: 'run.progress', data: { progress: 45, message: 'Searching' } }, said('one '));
  await expect
    .poll(() => jobs.getSnapshot()[job])
    .toMatchObject({ state: 'running', progress: 45, streamingText: 'one ' });
  await expect.poll(() => agent.getSnapshot()).toMatchObject({ executionId: job, response: 'one ', streaming: true });
  proxy.cut();
  for (const word of ['two ', 'three ', 'four']) await append(job, said(word));
  await expect.poll(() => jobs.getSnapshot()[job]?.streamingText).toBe('one two three four');
  await expect.poll(() => agent.getSnapshot().response).toBe('one two three four');
  jobs.getSnapshot()[job]?.cancel();
  // An external run ends when its producer says so.
  await expect.poll(() => client.run(job).getSnapshot().view?.control.status).toBe('stopping');
  await append(job, { type: 'run.cancelled', data: {} });
  await expect.poll(() => jobs.getSnapshot()[job]?.state).toBe('cancelled');
});

test('[CLT-103] over the real server, through cuts: the plain WebSocket tells each event once, by its timestamps alone', async () => {
  const { proxy, client, create, append } = await setup();
  const run = await create();
  const completed: unknown[] = [];
  const greetings: string[] = [];
  const socket = new ResilientSocket(
    {
      runId: run,
      initialReconnectDelay: 20,
      onMessage({ event_type, data }) {
        if (event_type === 'dag_node_status_changed' && data.new_status === 'completed') completed.push(data.output);
        if (event_type.endsWith('connected')) greetings.push(event_type);
      },
    },
    socketWays(() => ({}), client),
  );
  onTestFinished(() => socket.disconnect());
  socket.start();
  await expect.poll(() => greetings).toEqual(['connected']);
  for (let n = 0; n < 60; n++) {
    if (n % 20 === 10) proxy.cut();
    await append(run, { type: 'node.started', node: `n${n}`, attempt: 1, data: {} });
    await append(run, { type: 'node.completed', node: `n${n}`, attempt: 1, data: { output: n } });
    if (n % 20 === 19) await expect.poll(() => completed.length, { timeout: 10_000 }).toBe(n + 1);
  }
  expect(completed).toEqual(Array.from({ length: 60 }, (_, n) => n));
  expect(greetings).toEqual(['connected', 'reconnected', 'reconnected', 'reconnected']);
});

test('[CLT-105] over the real server: without an acceptable token it is never connected, and the error says why', async () => {
  const { url, create } = await setup();
  const run = await create();
  const codes: unknown[] = [];
  const connected: boolean[] = [];
  const socket = new ResilientSocket(
    {
      runId: run,
      maxReconnectAttempts: 2,
      initialReconnectDelay: 20,
      onMessage: ({ event_type, data }) => codes.push(`${event_type} ${data.code ?? data.reason}`),
      onConnectionChange: (now) => connected.push(now),
    },
    socketWays(() => ({ url, token: 'none of yours' }), undefined),
  );
  onTestFinished(() => socket.disconnect());
  socket.start();
  await expect.poll(() => codes).toHaveLength(6);
  expect(codes.slice(0, 2)).toEqual(['error unauthorized', 'disconnected unauthorized']);
  expect(connected).toEqual([]);
});
