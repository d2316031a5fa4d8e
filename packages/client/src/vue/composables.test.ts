import { expect, test, vi } from 'vitest';
import { nextTick, ref, watchEffect } from 'vue';
import { createClient } from '../client.ts';
import { FakeServer, foldAll, settle } from '../fake-server.suite.ts';
import { SimulatedClock } from '../simulated-clock.suite.ts';
import { mounted } from './mounting.suite.ts';
import { millrace, useClient } from './plugin.ts';
import { useAgentStream } from './use-agent-stream.ts';
import { useAgentStreaming } from './use-agent-streaming.ts';
import { useCommands } from './use-commands.ts';
import { useConnection } from './use-connection.ts';
import { useExecutionEvents } from './use-execution-events.ts';
import { useInbox } from './use-inbox.ts';
import { useJobProgress, useJobProgressMultiple } from './use-job-progress.ts';
import { useKnowledgeBase } from './use-knowledge-base.ts';
import { useRun } from './use-run.ts';
import { useRunEvents } from './use-run-events.ts';
import { useRuns } from './use-runs.ts';

function setup() {
  const server = new FakeServer();
  const clock = new SimulatedClock();
  const { WebSocket } = server;
  const fetch: typeof server.fetch = (input, init) => {
    const path = new URL(String(input)).pathname;
    if (path === '/api/inbox') return Promise.resolve(Response.json({ waits: [{ id: 'w', run: 'r' }] }));
    if (path.startsWith('/api/kb/')) return Promise.resolve(Response.json({ documents: [{}, {}] }));
    return server.fetch(input, init);
  };
  const platform = { WebSocket, fetch, random: () => 0.5, onNetwork: () => () => {} };
  const client = createClient({ url: 'http://millrace.test', token: 'good', clock, platform });
  const show = <T>(composables: () => T) => mounted(composables, [millrace, { client }]);
  return { server, clock, client, show };
}

test('[CLT-110] useRun: one subscription, every change, another run with another id, and let go after unmount', async () => {
  const { server, clock, show } = setup();
  server.append('r', 3);
  server.append('s', 5);
  const id = ref('r');
  const seen: string[] = [];
  const { shown, unmount } = show(() => {
    const run = useRun(id);
    watchEffect(
      () => {
        const now = `${run.value.id}:${run.value.view?.seq ?? '-'}`;
        if (seen.at(-1) !== now) seen.push(now);
      },
      { flush: 'sync' },
    );
    return run;
  });
  await settle();
  expect(server.socket.received.filter(({ type }) => type === 'subscribe')).toHaveLength(1);
  server.append('r', 4);
  expect(shown.value.view).toEqual(foldAll('r', server.log('r')));
  id.value = 's';
  expect(shown.value).toMatchObject({ id: 's', view: undefined });
  await settle();
  expect(shown.value.view?.seq).toBe(5);
  expect(seen).toEqual(['r:-', 'r:3', 'r:7', 's:-', 's:5']);
  unmount();
  clock.advance(2_000);
  await settle();
  expect(server.socket.subscriptions.size).toBe(0);
  server.append('s', 1);
  expect(seen).toHaveLength(5);
});

test('[CLT-110] lists, events, agents, inbox, knowledge bases, commands and the connection, as the hooks have them', async () => {
  const { server, client, show } = setup();
  server.append('r', 5);
  const { shown } = show(() => ({
    runs: useRuns({ workflow: 'w' }),
    events: useRunEvents('r', { limit: 100 }),
    agent: useAgentStream('r', 'g'),
    everybody: useAgentStream('r'),
    inbox: useInbox(),
    documents: useKnowledgeBase('kb'),
    commands: useCommands(),
    connection: useConnection(),
    filtered: useRun('r', { filter: { types: ['log'] } }),
  }));
  await settle();
  expect(shown.runs.value.rows.map(({ id, seq }) => `${id}:${seq}`)).toEqual(['r:5']);
  expect(shown.connection.value).toMatchObject({ state: 'live', transport: 'websocket', quality: { lag: 0 } });
  expect(shown.agent.value).toMatchObject({ text: '4 5 ', streaming: true });
  expect(shown.inbox.value.value).toHaveLength(1);
  expect(shown.documents.value.value).toHaveLength(2);
  const before = shown.agent.value;
  server.append('r', 1);
  expect(shown.agent.value, 'a log line is no news of the agent').toBe(before);
  expect(shown.events.window.value.events.map(({ seq }) => seq)).toEqual([6]);
  await expect(shown.events.earlier()).resolves.toBe(true);
  expect(shown.events.window.value.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(shown.everybody.value.text).toBe('4 5 ');
  expect(Object.keys(shown.filtered.value.view?.content.messages ?? {})).toEqual([]);
  client
    .run('r')
    .command({ type: 'pause' })
    .catch(() => {});
  await settle();
  expect(shown.commands.value).toMatchObject([{ run: 'r', command: { type: 'pause' } }]);
});

test('[CLT-110] without the plugin the error says so', () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  expect(() => mounted(() => useClient())).toThrow('app.use(millrace');
  vi.restoreAllMocks();
});

test('[CLT-111] the established hooks of executions, agents and jobs as composables', async () => {
  const { server, clock, show } = setup();
  server.append('r', 5);
  server.append('other', 2);
  server.onCommand = ({ id }) => ({ type: 'ok', id, head: 9 });
  const job = ref('r');
  const heard: string[] = [];
  const { shown, unmount } = show(() => ({
    events: useExecutionEvents('r', { 'node:progress': ({ id }) => heard.push(id) }),
    agent: useAgentStreaming('g'),
    ofRun: useAgentStreaming('g', 'r'),
    job: useJobProgress(job),
    jobs: useJobProgressMultiple(['r', 'other']),
  }));
  expect(shown.job.value).toMatchObject({ state: undefined, progress: 0 });
  await settle();
  expect(shown.agent.value).toMatchObject({ executionId: 'r', response: '4 5 ', streaming: true });
  expect(shown.ofRun.value).toEqual(shown.agent.value);
  expect(shown.job.value).toMatchObject({ state: 'running', streamingText: '4 5 ' });
  expect(Object.keys(shown.jobs.value)).toEqual(['r', 'other']);
  const event = { seq: 6, at: 1_800_000_000_006, type: 'node.progress' as const, node: 'a', attempt: 1 };
  const told = [{ ...event, data: { progress: 40 } }];
  server.log('r').push(...told);
  server.socket.send({ type: 'range', key: 'r', run: 'r', seq: 6, through: 6, events: told });
  expect(shown.events.value).toMatchObject({ status: 'running', events: [{ event: 'node:progress' }] });
  expect(heard).toEqual(['r:6']);
  expect(shown.job.value.progress).toBe(40);
  shown.job.value.cancel();
  await settle();
  expect(server.socket.received).toContainEqual(expect.objectContaining({ command: { type: 'cancel' }, run: 'r' }));
  job.value = 'other';
  await nextTick();
  await settle();
  expect(shown.job.value).toMatchObject({ state: 'running', streamingText: '' });
  unmount();
  clock.advance(2_000);
  await settle();
  expect(server.socket.subscriptions.size).toBe(0);
});
