// @vitest-environment jsdom
import type { RunEvent } from '@millrace/protocol/event';
import { act, cleanup, render } from '@testing-library/react';
import { type ReactNode, StrictMode, startTransition, useState } from 'react';
import { afterEach, expect, test, vi } from 'vitest';
import type { AgentStream } from '../agent-stream.ts';
import { createClient } from '../client.ts';
import type { ConnectionQuality } from '../connection-quality.ts';
import { FakeServer, foldAll, settle } from '../fake-server.suite.ts';
import type { RunSnapshot } from '../run-store.ts';
import { SimulatedClock } from '../simulated-clock.suite.ts';
import { MillraceProvider, useClient } from './provider.tsx';
import { useAgentStream } from './use-agent-stream.ts';
import { useCommands } from './use-commands.ts';
import { useConnection } from './use-connection.ts';
import { useInbox } from './use-inbox.ts';
import { useKnowledgeBase } from './use-knowledge-base.ts';
import { useRun } from './use-run.ts';
import { useRunEvents } from './use-run-events.ts';
import { useRuns } from './use-runs.ts';

afterEach(cleanup);

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
  const show = (children: ReactNode) =>
    render(
      <StrictMode>
        <MillraceProvider client={client}>{children}</MillraceProvider>
      </StrictMode>,
    );
  return { server, clock, client, show };
}

test('[CLT-21] useRun in strict mode: one subscription, every change, and let go after the grace', async () => {
  const { server, clock, show } = setup();
  server.append('r', 3);
  let shown: RunSnapshot | undefined;
  function Probe({ id }: { id: string }) {
    shown = useRun(id);
    return null;
  }
  const { unmount } = show(<Probe id="r" />);
  await act(settle);
  expect(server.sockets).toHaveLength(1);
  expect(server.socket.received.filter(({ type }) => type === 'subscribe')).toHaveLength(1);
  expect(shown?.view?.seq).toBe(3);
  await act(async () => server.append('r', 4));
  expect(shown?.view).toEqual(foldAll('r', server.log('r')));
  unmount();
  clock.advance(2_000);
  await settle();
  expect(server.socket.subscriptions.size).toBe(0);
});

test('a changed id shows the other run', async () => {
  const { server, client } = setup();
  server.append('a', 2);
  server.append('b', 5);
  const shown: string[] = [];
  function Probe({ id }: { id: string }) {
    const { id: run, view } = useRun(id);
    shown.push(`${run}:${view?.seq ?? '-'}`);
    return null;
  }
  const page = (id: string) => (
    <MillraceProvider client={client}>
      <Probe id={id} />
    </MillraceProvider>
  );
  const { rerender } = render(page('a'));
  await act(settle);
  rerender(page('b'));
  await act(settle);
  expect(shown.at(0)).toBe('a:-');
  expect(shown).toContain('a:2');
  expect(shown).toContain('b:-');
  expect(shown.at(-1)).toBe('b:5');
  expect(shown.every((text) => !/^(a:5|b:2)$/.test(text))).toBe(true);
});

test('[CLT-22] useAgentStream grows with the tokens and shows no retracted message', async () => {
  const { server, show } = setup();
  server.append('r', 5);
  let shown: AgentStream | undefined;
  let other: AgentStream | undefined;
  function Probe() {
    shown = useAgentStream('r', 'g');
    other = useAgentStream('r', 'nobody');
    return null;
  }
  show(<Probe />);
  await act(settle);
  expect(shown).toMatchObject({ text: '4 5 ', streaming: true, toolCalls: [] });
  await act(async () => server.append('r', 3));
  expect(shown?.text).toBe('4 5 7 8 ');
  const before = shown;
  await act(async () => server.append('r', 1));
  expect(shown, 'a log line is no news of the agent').toBe(before);
  expect(other).toMatchObject({ text: '', messages: [] });
  const seq = server.log('r').length + 1;
  await act(async () => {
    const of = { at: 1_800_000_000_900, node: 'a' };
    const events: RunEvent[] = [
      { ...of, seq, type: 'attempt.lost', attempt: 1, data: { reason: 'lease_expired' } },
      { ...of, seq: seq + 1, type: 'node.started', attempt: 2, data: {} },
    ];
    server.log('r').push(...events);
    server.socket.send({ type: 'range', key: 'r', run: 'r', seq, through: seq + 1, events });
  });
  expect(shown).toMatchObject({ text: '', messages: [] });
});

test('[CLT-101] useRuns, useRunEvents and useConnection', async () => {
  const { server, show } = setup();
  server.append('a', 2);
  let rows: string[] = [];
  let seqs: number[] = [];
  let state = '';
  let quality: ConnectionQuality | undefined;
  function Probe() {
    rows = useRuns({ workflow: 'w' }).rows.map(({ id, seq }) => `${id}:${seq}`);
    seqs = useRunEvents('a', { limit: 3 }).events.map(({ seq }) => seq);
    ({ state, quality } = useConnection());
    return null;
  }
  show(<Probe />);
  await act(settle);
  await act(async () => server.append('a', 4));
  expect(rows).toEqual(['a:6']);
  expect(seqs).toEqual([4, 5, 6]);
  expect(state).toBe('live');
  expect(quality).toEqual({ roundTrip: { p50: 0, p95: 0 }, reconnects: 0, lag: 0 });
});

test('[CLT-22] useAgentStream renders again only when something of its agent changes', async () => {
  const { server, show } = setup();
  server.append('r', 5);
  let renders = 0;
  function Probe() {
    useAgentStream('r', 'g');
    renders += 1;
    return null;
  }
  show(<Probe />);
  await act(settle);
  await act(async () => server.append('r', 3));
  const before = renders;
  await act(async () => server.append('r', 1));
  expect(renders, 'a log line is no news of the agent').toBe(before);
});

test('[CLT-72] in strict mode a component sees every change of every store, and of each only whole ones', async () => {
  const { server, client, show } = setup();
  server.append('r', 20);
  const seen = { events: [] as number[], asked: 0, documents: 0, commands: 0 };
  let earlier: (() => Promise<boolean>) | undefined;
  function Probe() {
    const events = useRunEvents('r', { limit: 100 });
    earlier = events.earlier;
    seen.events = events.events.map(({ seq }) => seq);
    seen.asked = useInbox().value.length;
    seen.documents = useKnowledgeBase('kb').value.length;
    seen.commands = useCommands().length;
    return null;
  }
  show(<Probe />);
  await act(settle);
  await act(async () => server.append('r', 2));
  expect(seen.events).toEqual([21, 22]);
  await act(async () => expect(await earlier?.()).toBe(true));
  expect(seen.events).toEqual(Array.from({ length: 22 }, (_, at) => at + 1));
  await act(async () => {
    client
      .run('r')
      .command({ type: 'pause' })
      .catch(() => {});
    await settle();
  });
  expect(seen).toMatchObject({ asked: 1, documents: 2, commands: 1 });
});

test('[CLT-72] while React renders in pieces, no two components show different states of one run', async () => {
  const { server, client } = setup();
  server.append('r', 3);
  const torn: string[] = [];
  const names = [...'abcdefghijklmnopqrst'];
  let change = () => {};
  let writes = 0;
  function Probe({ name }: { name: string }) {
    const seq = useRun('r').view?.seq ?? 0;
    if ('fkp'.includes(name) && writes > 0) {
      writes -= 1;
      server.append('r', 1);
    }
    return <i>{seq}</i>;
  }
  function Page() {
    const [, setRound] = useState(0);
    change = () => startTransition(() => setRound((now) => now + 1));
    return names.map((name) => <Probe key={name} name={name} />);
  }
  const { container } = render(
    <MillraceProvider client={client}>
      <Page />
    </MillraceProvider>,
  );
  const shown = () => [...new Set([...container.querySelectorAll('i')].map(({ textContent }) => textContent))];
  const watch = new MutationObserver(() => {
    if (shown().length > 1) torn.push(shown().join());
  });
  watch.observe(container, { subtree: true, characterData: true, childList: true });
  await act(settle);
  const quiet = vi.spyOn(console, 'error').mockImplementation(() => {});
  writes = 6;
  await act(async () => change());
  await act(async () => change());
  await act(settle);
  quiet.mockRestore();
  watch.disconnect();
  expect(torn).toEqual([]);
  expect(shown()).toEqual([`${server.log('r').length}`]);
  expect([writes, server.log('r').length]).toEqual([0, 9]);
});

test('without a provider the error says so', () => {
  function Probe() {
    useClient();
    return null;
  }
  expect(() => render(<Probe />)).toThrow('MillraceProvider');
});
