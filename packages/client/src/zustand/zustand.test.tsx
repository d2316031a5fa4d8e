// @vitest-environment jsdom
import { MillraceError } from '@millrace/protocol/error-code';
import { act, cleanup, render } from '@testing-library/react';
import { StrictMode } from 'react';
import { afterEach, expect, test } from 'vitest';
import { useStore } from 'zustand';
import { setup } from '../client-setup.suite.ts';
import { settle } from '../fake-server.suite.ts';
import { createListStore } from './list.ts';
import { createRunStore } from './run.ts';

afterEach(cleanup);

test('[CLT-117] a run as a Zustand store: the log moves it, and a component sees what it selects', async () => {
  const { server, client, clock } = setup();
  server.append('r', 3);
  const run = createRunStore(client, 'r');
  expect(run.getState()).toMatchObject({ id: 'r', status: 'loading', shown: undefined });
  const seen: (number | undefined)[] = [];
  function Probe() {
    const seq = useStore(run, ({ view }) => view?.seq);
    if (seen.at(-1) !== seq || seen.length === 0) seen.push(seq);
    return null;
  }
  const { unmount } = render(
    <StrictMode>
      <Probe />
    </StrictMode>,
  );
  await act(settle);
  await act(async () => server.append('r', 2));
  expect(seen).toEqual([undefined, 3, 5]);
  expect(run.getState()).toMatchObject({ status: 'ready', shown: { status: 'running' }, continuity: 'complete' });
  unmount();
  clock.advance(2_000);
  await settle();
  expect(server.socket.subscriptions.size).toBe(0);
});

test('[CLT-117] a command shows at once, and stands when the log confirms it or goes when it is refused', async () => {
  const { server, client } = setup();
  server.append('r', 3);
  const run = createRunStore(client, 'r');
  const shown: string[] = [];
  run.subscribe(({ shown: now }) => {
    const text = now ? `${now.status} ${now.detail ?? ''}`.trim() : '';
    if (shown.at(-1) !== text) shown.push(text);
  });
  await settle();
  server.onCommand = ({ id }) => ({ type: 'ok', id, head: 4 });
  await run.getState().command({ type: 'pause' });
  expect(run.getState().pending).toMatchObject([{ command: { type: 'pause' }, state: 'sent' }]);
  const paused = { seq: 4, at: 1_800_000_000_900, type: 'run.paused' as const, data: {} };
  server.log('r').push(paused);
  server.socket.send({ type: 'range', key: 'r', run: 'r', seq: 4, through: 4, events: [paused] });
  expect(run.getState().pending).toEqual([]);
  server.onCommand = ({ id }) => {
    const { row } = new MillraceError('forbidden');
    const problem = { type: '', title: 'No', status: row.http, code: 'forbidden' as const, fix: '', retry: false };
    return { type: 'error', id, problem };
  };
  await expect(run.getState().command({ type: 'resume' })).rejects.toMatchObject({ code: 'forbidden' });
  expect(shown).toEqual(['', 'running', 'running pausing', 'paused pausing', 'paused resuming', 'paused pausing']);
  expect(run.getState().refused).toMatchObject({ command: { type: 'resume' }, error: { code: 'forbidden' } });
});

test('[CLT-118] a list as a Zustand store: what is started or asked here shows at once, until the list confirms it', async () => {
  const { server, client } = setup();
  server.append('r', 3);
  const list = createListStore(client, { workflow: 'w' });
  const states: { rows: string[]; starting: string[] }[] = [];
  const stop = list.subscribe(({ rows, starting }) => {
    const shown = rows.map(({ id, shown: { status, detail } }) => `${id} ${detail ?? status}`);
    states.push({ rows: shown, starting: starting.map(({ id, workflow }) => `${id} ${workflow}`) });
  });
  await settle();
  expect(list.getState()).toMatchObject({ status: 'ready', total: 1, starting: [] });
  expect(states.at(-1)).toEqual({ rows: ['r running'], starting: [] });
  server.onCommand = ({ id }) => ({ type: 'ok', id, head: 4 });
  await list.getState().command('r', { type: 'cancel' });
  expect(states.at(-1)?.rows).toEqual(['r cancelling']);
  await expect(list.getState().start({ workflow: 'w' })).resolves.toBe('new');
  expect(states.at(-1)).toEqual({ rows: ['r cancelling'], starting: ['new w'] });
  server.append('new', 1);
  expect(states.at(-1)?.rows).toContain('new running');
  expect(states.at(-1)?.starting).toEqual([]);
  stop();
  const { length } = states;
  server.append('r', 1);
  expect(states, 'nobody listens any more').toHaveLength(length);
});
