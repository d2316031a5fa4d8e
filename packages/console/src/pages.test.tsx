// @vitest-environment jsdom
import type { Client, ConnectionSnapshot, ListSnapshot, RunSnapshot, Store } from '@millrace/client';
import { MillraceProvider } from '@millrace/client/react';
import { type RunView, summarise } from '@millrace/protocol/view';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  approvalLog,
  completedLog,
  documentsLog,
  SampleLog,
  streamingLog,
} from '../../client/src/react/components/sample-log.suite.ts';
import { createPages } from './router.tsx';

beforeEach(() => {
  const still = class {
    observe() {}
    unobserve() {}
    disconnect() {}
  };
  vi.stubGlobal('ResizeObserver', still);
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
  vi.stubGlobal('scrollTo', () => {});
  Element.prototype.scrollTo = () => {};
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

class Held<T> implements Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();
  constructor(value: T) {
    this.#value = value;
  }
  getSnapshot = (): T => this.#value;
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  set(value: T): void {
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }
}

const live: ConnectionSnapshot = {
  ...{ state: 'live', transport: 'websocket', attempt: 0, retryAt: undefined, user: 'demo', error: undefined },
};

function open(path: string, logs: SampleLog[]) {
  const views = logs.map((log) => log.view());
  const rows = views.map((view) => summarise(view.control, view.seq, view.at));
  const list = new Held<ListSnapshot>({ status: 'ready', rows, total: rows.length, error: undefined });
  const connection = new Held(live);
  const missing: RunSnapshot = {
    ...{ id: '', view: undefined, status: 'missing', continuity: 'complete', cursor: undefined, error: undefined },
  };
  const approve = vi.fn(async () => ({ seq: 1 }));
  const command = vi.fn(async () => ({ seq: 1 }));
  const retry = vi.fn(async () => ({ id: 'run-2', seq: 1, repeated: false }));
  const runs = new Map(views.map((view) => [view.run, Object.assign(new Held(ready(view)), { approve, command })]));
  const start = vi.fn(async () => ({ id: 'run-1', seq: 1, repeated: false }));
  const example = { question: 'Why?' };
  const api = {
    start,
    retry,
    workflows: async () => [
      { name: 'hello-job', nodes: [] },
      { name: 'ask-docs', nodes: [], example },
    ],
  };
  const nobody = Object.assign(new Held(missing), { approve, command });
  const client = { connection, api, list: () => list, run: (id: string) => runs.get(id) ?? nobody };
  const onToken = vi.fn<(token: string) => void>();
  const pages = createPages(onToken, createMemoryHistory({ initialEntries: [path] }));
  render(
    <MillraceProvider client={client as unknown as Client}>
      <QueryClientProvider client={new QueryClient()}>
        <RouterProvider router={pages} />
      </QueryClientProvider>
    </MillraceProvider>,
  );
  return { connection, start, approve, command, retry, runs, onToken, pages };
}

const ready = (view: RunView): RunSnapshot => ({
  ...{ id: view.run, view, status: 'ready', continuity: 'complete', cursor: `e:${view.seq}`, error: undefined },
});

test('[UI-10] the first visit offers the first workflow with an example, and one click starts it and shows its run', async () => {
  const { start, pages } = open('/', []);
  fireEvent.click(await screen.findByRole('button', { name: 'Run ask-docs' }));
  await waitFor(() => expect(pages.state.location.pathname).toBe('/runs/run-1'));
  expect(start.mock.calls).toEqual([[{ workflow: 'ask-docs', input: { question: 'Why?' } }]]);
});

test('[UI-11] the list tells status, workflow, nodes and cost of each run; arrow keys go from run to run', async () => {
  open('/', [approvalLog('run-a'), completedLog('run-b')]);
  const table = await screen.findByRole('table');
  const [first, second] = [...table.querySelectorAll('tbody tr')];
  expect(first?.textContent).toMatch(/^Running, waitingask-docs.*3\/4\$0\.0042$/);
  expect(second?.textContent).toMatch(/^Completed/);
  const [a, b] = [...table.querySelectorAll('a')];
  a?.focus();
  fireEvent.keyDown(a!, { key: 'ArrowDown' });
  expect(document.activeElement).toBe(b);
  fireEvent.keyDown(b!, { key: 'Home' });
  expect(document.activeElement).toBe(a);
});

test('[UI-11] the filters stand in the address, so that a filtered list can be sent to somebody', async () => {
  const { pages } = open('/?workflow=ask-docs&status=nonsense', [approvalLog()]);
  expect((await screen.findByLabelText<HTMLSelectElement>('Workflow')).value).toBe('ask-docs');
  fireEvent.change(screen.getByLabelText('Status'), { target: { value: 'failed' } });
  await waitFor(() => expect(pages.state.location.search).toEqual({ workflow: 'ask-docs', status: 'failed' }));
});

test('[UI-12] a run page shows status, graph, steps, agent, log and the approval, whose answer is sent', async () => {
  const { approve } = open('/runs/run-1', [approvalLog()]);
  expect((await screen.findByRole('heading', { level: 1 })).textContent).toBe('ask-docs');
  const panels = ['Graph', 'Steps', 'Agent', 'Log', 'Documents', 'Usage', 'Input and output'];
  for (const name of panels) expect(screen.getByRole('region', { name }), name).toBeTruthy();
  await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Approve' })));
  expect(approve.mock.calls).toEqual([['publish', 'approved', undefined]]);
});

test('[UI-20] a run is paused from its page, which says Paused when the log does and then offers to resume', async () => {
  const log = streamingLog();
  const { command, runs } = open('/runs/run-1', [log]);
  await act(async () => fireEvent.click(await screen.findByRole('button', { name: 'Pause' })));
  expect(command.mock.calls).toEqual([[{ type: 'pause' }]]);
  const heading = screen.getByRole('heading', { level: 1 }).parentElement;
  expect(heading?.textContent).toContain('Running');
  act(() => runs.get('run-1')?.set(ready(log.add('run.paused', {}).view())));
  expect(heading?.textContent).toContain('Pausing');
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Resume' }).disabled).toBe(false);
});

test('[UI-22] a retry goes on to the page of the run that it made, which names the run it comes from', async () => {
  const failed = documentsLog().add('run.failed', { error: { code: 'task_failed', message: 'no', retryable: false } });
  const next = new SampleLog('run-2').add('run.created', {
    ...{ workflow: 'ask-docs', nodes: [{ id: 'find', task: 'find' }], input: null },
    lineage: { retryOf: { run: 'run-1', seq: 9 } },
  });
  const { retry, pages } = open('/runs/run-1', [failed, next]);
  await act(async () => fireEvent.click(await screen.findByRole('button', { name: 'Retry from failed' })));
  expect(retry.mock.calls).toEqual([['run-1', { from: 'failed' }]]);
  await waitFor(() => expect(pages.state.location.pathname).toBe('/runs/run-2'));
  expect((await screen.findByText('Retry of')).nextElementSibling?.querySelector('a')?.getAttribute('href')).toBe(
    '/runs/run-1',
  );
});

test('[UI-23] an input is asked for in fields and given once', async () => {
  const at = { node: 'index', attempt: 1 };
  const schema = { type: 'object', properties: { city: { type: 'string' } } };
  const log = documentsLog()
    .add('input.requested', { inputId: 'index:city', prompt: 'Which city?', schema, default: { city: 'Rome' } }, at)
    .add('node.waiting', { waits: ['index:city'] }, at);
  const { command } = open('/runs/run-1', [log]);
  const field = await screen.findByLabelText<HTMLInputElement>(/^City/);
  expect([field.value, screen.getByRole('region', { name: 'Which city?' }).contains(field)]).toEqual(['Rome', true]);
  await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Send' })));
  expect(command.mock.calls).toEqual([[{ type: 'provide', inputId: 'index:city', value: { city: 'Rome' } }]]);
});

test('[UI-12] a run that does not exist is said not to, with a way back', async () => {
  open('/runs/nope', []);
  expect(await screen.findByRole('heading', { name: 'There is no such run' })).toBeTruthy();
  expect(screen.getByRole('link', { name: 'All runs' })).toBeTruthy();
});

test('[UI-13] while the connection is away the page stays and says so, and since when it may be out of date', async () => {
  const { connection } = open('/runs/run-1', [approvalLog()]);
  await screen.findByRole('heading', { level: 1 });
  const banner = screen.getByRole('banner');
  expect(banner.textContent).toContain('Connected');
  act(() => connection.set({ ...live, state: 'reconnecting', transport: undefined }));
  expect(banner.textContent).toContain('Reconnecting');
  expect(screen.getByRole('contentinfo').textContent).toMatch(/as of \d\d:\d\d:\d\d/);
  expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('ask-docs');
});

test('[UI-7] somebody whose token is refused is told how to get one, and signs in with it', async () => {
  const { connection, onToken } = open('/', []);
  await screen.findByRole('banner');
  act(() => connection.set({ ...live, state: 'signed-out' }));
  expect(screen.getByText('npx millrace token')).toBeTruthy();
  fireEvent.change(screen.getByLabelText('Token'), { target: { value: ' abc ' } });
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(onToken.mock.calls).toEqual([['abc']]);
});
