// @vitest-environment jsdom
import type { RunEvent } from '@millrace/protocol/event';
import { act, cleanup, render } from '@testing-library/react';
import { type ReactNode, StrictMode } from 'react';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { createClient } from '../client.ts';
import { testSockets } from '../compat/test-socket.suite.ts';
import { FakeServer, settle } from '../fake-server.suite.ts';
import { SimulatedClock } from '../simulated-clock.suite.ts';
import {
  type AgentStreaming,
  type ChannelConnection,
  type ExecutionEvents,
  type JobProgress,
  type ResilientWebSocket,
  useAgentStreaming,
  useExecutionEvents,
  useJobProgress,
  useJobProgressMultiple,
  useResilientWebSocket,
  useWebSocket,
} from './compat.ts';
import { MillraceProvider } from './provider.tsx';

afterEach(cleanup);

function setup(token = 'good') {
  const server = new FakeServer();
  const clock = new SimulatedClock();
  const { WebSocket, fetch } = server;
  const platform = { WebSocket, fetch, random: () => 0.5, onNetwork: () => () => {} };
  const client = createClient({ url: 'http://millrace.test', token, clock, platform });
  const page = (children: ReactNode) => (
    <StrictMode>
      <MillraceProvider client={client}>{children}</MillraceProvider>
    </StrictMode>
  );
  const push = (run: string, ...events: (Pick<RunEvent, 'type' | 'data'> & { node?: string; attempt?: number })[]) => {
    const log = server.log(run);
    const seq = log.length + 1;
    log.push(...events.map((event, n) => ({ at: 1_800_000_001_000, ...event, seq: seq + n }) as RunEvent));
    const range = { run, seq, through: log.length, events: log.slice(seq - 1) };
    for (const socket of server.open) {
      if (socket.subscriptions.has(run)) socket.send({ type: 'range', key: run, ...range });
      for (const list of socket.lists) socket.send({ type: 'row', list, row: server.row(run) });
    }
  };
  return { server, clock, client, page, push };
}

test('[CLT-106] useWebSocket connects on mount and says connecting while it comes back', async () => {
  const { server, clock, page } = setup();
  const seen: ChannelConnection[] = [];
  function Probe() {
    const now = useWebSocket();
    if (seen.at(-1) !== now) seen.push(now);
    return null;
  }
  const { unmount } = render(page(<Probe />));
  await act(settle);
  expect(server.sockets).toHaveLength(1);
  expect(seen.at(-1)).toEqual({ connected: true, connecting: false, error: undefined });
  server.up = false;
  await act(async () => server.socket.cut());
  expect(seen.at(-1)).toEqual({
    connected: false,
    connecting: true,
    error: expect.objectContaining({ code: 'unreachable' }),
  });
  server.up = true;
  await act(async () => clock.advance(30_000));
  await act(settle);
  expect(seen.at(-1)).toMatchObject({ connected: true, error: undefined });
  const { length } = seen;
  unmount();
  await act(async () => server.socket.cut());
  expect(seen, 'nobody is told after unmount').toHaveLength(length);
});

test('[CLT-106] a token that is not accepted becomes an error with code and message', async () => {
  const { page } = setup('bad');
  let shown: ChannelConnection | undefined;
  function Probe() {
    shown = useWebSocket();
    return null;
  }
  render(page(<Probe />));
  await act(settle);
  expect(shown).toEqual({
    connected: false,
    connecting: false,
    error: { code: 'token_expired', message: expect.stringMatching(/token/i) },
  });
});

test("[CLT-107] useExecutionEvents: the channel's events, each once, with handlers and status, until unmount", async () => {
  const { server, clock, page, push } = setup();
  server.append('r', 2);
  const outputs: unknown[] = [];
  let shown: ExecutionEvents | undefined;
  function Probe({ id }: { id: string }) {
    shown = useExecutionEvents(id, { 'node:completed': (event) => outputs.push(event.outputs) });
    return null;
  }
  const { rerender, unmount } = render(page(<Probe id="r" />));
  expect(shown).toEqual({ events: [], status: undefined });
  await act(settle);
  expect(shown?.status).toBe('running');
  await act(async () =>
    push('r', { type: 'node.progress', node: 'a', attempt: 1, data: { progress: 40, message: 'half' } }),
  );
  await act(async () => server.socket.cut());
  push(
    'r',
    { type: 'node.completed', node: 'a', attempt: 1, data: { output: 7 } },
    { type: 'run.completed', data: { output: 7 } },
  );
  await act(async () => clock.advance(30_000));
  await act(settle);
  expect(shown?.status).toBe('completed');
  expect(shown?.events.map(({ event }) => event).filter((name) => name !== 'execution:updated')).toEqual([
    'node:progress',
    'node:completed',
    'execution:completed',
  ]);
  expect(shown?.events[0]?.data).toMatchObject({ id: 'r:3', nodeId: 'a', progress: 40, currentStep: 'half' });
  expect(outputs).toEqual([7]);
  server.append('other', 2);
  rerender(page(<Probe id="other" />));
  await act(settle);
  expect(shown).toEqual({ events: [], status: 'running' });
  unmount();
  await act(async () => clock.advance(2_000));
  await act(settle);
  expect(server.socket.subscriptions.size).toBe(0);
});

test('[CLT-107] an execution that cannot be followed says why, until it can', async () => {
  const { server, client, page } = setup();
  let shown: ExecutionEvents | undefined;
  function Probe() {
    shown = useExecutionEvents('late');
    return null;
  }
  render(page(<Probe />));
  await act(settle);
  expect(shown).toEqual({
    events: [],
    status: undefined,
    error: { code: 'run_not_found', message: expect.stringMatching(/run/i) },
  });
  server.append('late', 2);
  await act(async () => client.reconnect());
  await act(settle);
  expect(shown).toEqual({ events: [], status: 'running', error: undefined });
});

test('[CLT-108] useAgentStreaming: response, streaming and tool calls of an execution', async () => {
  const { server, page, push } = setup();
  server.append('r', 5);
  let shown: AgentStreaming | undefined;
  function Probe() {
    shown = useAgentStreaming('g', 'r');
    return null;
  }
  render(page(<Probe />));
  await act(settle);
  expect(shown).toEqual({ executionId: 'r', response: '4 5 ', streaming: true, toolCalls: [] });
  const agent = { agentId: 'g', messageId: 'm' };
  const call = { ...agent, callId: 'c', name: 'search', arguments: { q: 'x' }, status: 'running' as const };
  await act(async () =>
    push(
      'r',
      { type: 'agent.tool_call', node: 'a', attempt: 1, data: call },
      { type: 'agent.completed', node: 'a', attempt: 1, data: agent },
    ),
  );
  expect(shown).toMatchObject({
    response: '4 5 ',
    streaming: false,
    toolCalls: [{ name: 'search', arguments: { q: 'x' } }],
  });
});

test('[CLT-108] without an execution it follows the newest visible run in which the agent speaks', async () => {
  const { server, clock, page } = setup();
  server.append('old', 5);
  server.append('silent', 2);
  let shown: AgentStreaming | undefined;
  function Probe({ agent }: { agent: string }) {
    shown = useAgentStreaming(agent);
    return null;
  }
  const { rerender, unmount } = render(page(<Probe agent="g" />));
  await act(settle);
  expect(shown).toMatchObject({ executionId: 'old', response: '4 5 ' });
  await act(async () => server.append('silent', 2));
  await act(settle);
  expect(shown).toMatchObject({ executionId: 'silent', response: '4 ' });
  await act(async () => server.append('silent', 1));
  expect(shown).toMatchObject({ executionId: 'silent', response: '4 5 ' });
  rerender(page(<Probe agent="nobody" />));
  await act(settle);
  expect(shown).toEqual({ executionId: undefined, response: '', streaming: false, toolCalls: [] });
  unmount();
  await act(async () => clock.advance(2_000));
  await act(settle);
  expect([server.socket.subscriptions.size, server.socket.lists.size]).toEqual([0, 0]);
});

test('[CLT-109] useJobProgress: state, progress, the text so far, and cancel', async () => {
  const { server, page, push } = setup();
  server.append('j', 5);
  server.onCommand = ({ id }) => ({ type: 'ok', id, head: 9 });
  let shown: JobProgress | undefined;
  const renders: (JobProgress | undefined)[] = [];
  function Probe() {
    shown = useJobProgress('j');
    if (renders.at(-1) !== shown) renders.push(shown);
    return null;
  }
  render(page(<Probe />));
  expect(shown).toMatchObject({ state: undefined, progress: 0, streamingText: '' });
  await act(settle);
  expect(shown).toMatchObject({ state: 'running', streamingText: '4 5 ' });
  await act(async () => push('j', { type: 'run.progress', data: { progress: 45, message: 'Searching' } }));
  expect(shown).toMatchObject({ state: 'running', progress: 45 });
  const before = shown;
  await act(async () => push('j', { type: 'log', data: { level: 'info', message: 'no news of the job' } }));
  expect(shown).toBe(before);
  await act(async () => shown?.cancel());
  await act(settle);
  expect(server.socket.received).toContainEqual(
    expect.objectContaining({ type: 'command', run: 'j', command: { type: 'cancel' } }),
  );
  await act(async () => push('j', { type: 'run.cancelled', data: { reason: 'asked' } }));
  expect(shown).toMatchObject({ state: 'cancelled', streamingText: '4 5 ' });
});

test('[CLT-109] useJobProgressMultiple: the same of several jobs, by their ids', async () => {
  const { server, page, push } = setup();
  server.append('a', 4);
  server.append('b', 4);
  let shown: Readonly<Record<string, JobProgress>> = {};
  function Probe({ ids }: { ids: string[] }) {
    shown = useJobProgressMultiple(ids);
    return null;
  }
  const { rerender } = render(page(<Probe ids={['a', 'b']} />));
  await act(settle);
  const { a } = shown;
  await act(async () => push('b', { type: 'run.completed', data: { output: 1 } }));
  expect(shown.b).toMatchObject({ state: 'completed', progress: 100 });
  expect(shown.a, 'what did not change is the same').toBe(a);
  rerender(page(<Probe ids={['b']} />));
  await act(settle);
  expect(Object.keys(shown)).toEqual(['b']);
});

test('[CLT-102] useResilientWebSocket: one socket in strict mode, the newest callbacks, and closed with the component', async () => {
  const { sockets, last, WebSocket } = testSockets();
  vi.stubGlobal('WebSocket', WebSocket);
  onTestFinished(() => {
    vi.unstubAllGlobals();
  });
  const { clock, page } = setup();
  const heard: string[] = [];
  let shown: ResilientWebSocket | undefined;
  function Probe({ run, name }: { run: string; name: string }) {
    shown = useResilientWebSocket({
      runId: run,
      onMessage: ({ event_type }) => heard.push(`${name} ${event_type}`),
      onConnectionChange: (connected) => heard.push(`${name} ${connected}`),
    });
    return null;
  }
  const { rerender, unmount } = render(page(<Probe run="r" name="first" />));
  await act(settle);
  expect(sockets.map(({ url }) => url.href)).toEqual(['ws://millrace.test/ws/r?token=good']);
  expect(shown?.connected).toBe(false);
  await act(async () => last().open('connected', 1));
  expect(shown?.connected).toBe(true);
  rerender(page(<Probe run="r" name="second" />));
  await act(async () => last().say({ event_type: 'workflow_started', seq: 2 }));
  expect(sockets).toHaveLength(1);
  expect(heard).toEqual(['first true', 'first connected', 'second workflow_started']);
  expect(shown?.sendMessage({ type: 'ping' })).toBe(true);
  expect(last().sent).toEqual([{ type: 'ping' }]);
  await act(async () => last().cut());
  expect(shown?.connected).toBe(false);
  await act(async () => clock.advance(1_000));
  await act(settle);
  expect(last().url.searchParams.get('since')).toMatch(/0002Z$/);
  await act(async () => last().open('reconnected', 2));
  act(() => shown?.disconnect());
  expect([shown?.connected, last().readyState]).toEqual([false, 3]);
  act(() => shown?.reconnect());
  await act(settle);
  rerender(page(<Probe run="other" name="third" />));
  await act(settle);
  expect(last().url.pathname).toBe('/ws/other');
  unmount();
  expect(sockets.filter(({ readyState }) => readyState !== 3)).toEqual([]);
  clock.advance(600_000);
  await settle();
  expect(sockets).toHaveLength(4);
});
