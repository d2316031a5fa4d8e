// @vitest-environment jsdom
import type {
  Client,
  CommandQueue,
  ConnectionSnapshot,
  InboxItem,
  ListSnapshot,
  PendingCommand,
  RunSnapshot,
  Store,
} from '@millrace/client';
import { MillraceProvider } from '@millrace/client/react';
import { MillraceError } from '@millrace/protocol/error-code';
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

function open(path: string, logs: SampleLog[], inbox: InboxItem[] = []) {
  const views = logs.map((log) => log.view());
  const rows = views.map((view) => summarise(view.control, view.seq, view.at));
  const list = new Held<ListSnapshot>({
    ...{ status: 'ready', rows, total: rows.length, continuity: 'complete', error: undefined },
  });
  const commands = Object.assign(new Held<CommandQueue>([]), { confirm: vi.fn(), takeBack: vi.fn() });
  const connection = Object.assign(new Held(live), { exchange: { ping() {} } });
  const missing: RunSnapshot = {
    ...{ id: '', view: undefined, status: 'missing', continuity: 'complete', cursor: undefined, error: undefined },
    ...{ since: undefined, pending: [], refused: undefined },
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
    inbox: async () => inbox,
    knowledgeBases: async () => [
      { kbId: 'docs', documents: { processing: 1, completed: 4, failed: 0 }, chunks: 60, embeddings: 0, at: 1 },
    ],
    documents: async () => [{ kbId: 'docs', documentId: 'd', fileName: 'd.md', run: 'run-1', status: 'failed', at: 1 }],
    workflows: async () => [
      { name: 'hello-job', nodes: [] },
      { name: 'ask-docs', nodes: [], example },
    ],
  };
  const nobody = Object.assign(new Held(missing), { approve, command });
  const clock = { now: () => 0, after: () => () => {} };
  const client = { connection, api, commands, clock, list: () => list, run: (id: string) => runs.get(id) ?? nobody };
  const onToken = vi.fn<(token: string) => void>();
  const pages = createPages(onToken, createMemoryHistory({ initialEntries: [path] }));
  render(
    <MillraceProvider client={client as unknown as Client}>
      <QueryClientProvider client={new QueryClient()}>
        <RouterProvider router={pages} />
      </QueryClientProvider>
    </MillraceProvider>,
  );
  return { connection, start, approve, command, retry, runs, commands, onToken, pages };
}

const ready = (view: RunView): RunSnapshot => ({
  ...{ id: view.run, view, status: 'ready', continuity: 'complete', cursor: `e:${view.seq}`, error: undefined },
  ...{ since: view.seq, pending: [], refused: undefined },
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

const waiting = (command: PendingCommand['command'], expiresAt?: number): PendingCommand => ({
  ...{ run: 'run-1', key: 'k', command, ctl: 1, at: 0, state: 'queued', seq: undefined },
  ...{ isKept: expiresAt === undefined, expiresAt },
});

test('[UI-32] what waits for the connection is shown at once, with what becomes of it, and can be kept or taken back', async () => {
  const log = streamingLog();
  const { connection, runs, commands } = open('/runs/run-1', [log]);
  await screen.findByRole('heading', { level: 1 });
  const pause = waiting({ type: 'pause' }, Date.now() + 42_000);
  act(() => {
    connection.set({ ...live, state: 'offline', transport: undefined });
    commands.set([pause]);
    runs.get('run-1')?.set({ ...ready(log.view()), pending: [pause] });
  });
  const heading = screen.getByRole('heading', { level: 1 }).parentElement;
  expect(heading?.textContent).toContain('Pausing');
  expect(screen.getByText(/^Your pause will be sent when you are back; expires in 4[12] s\.$/)).toBeTruthy();
  expect(screen.getByRole('contentinfo').textContent).toMatch(/1 command will be sent when you are back; expires in 4/);
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Pause' }).disabled).toBe(true);
  fireEvent.click(screen.getByRole('button', { name: 'Send it however late' }));
  fireEvent.click(screen.getByRole('button', { name: 'Take it back' }));
  expect([commands.confirm.mock.calls, commands.takeBack.mock.calls]).toEqual([[[pause]], [[pause]]]);
});

test('[UI-32] a decision that waits is shown on its approval, which takes no second one', async () => {
  const log = approvalLog();
  const { runs, commands } = open('/runs/run-1', [log]);
  const card = await screen.findByRole('region', { name: 'Publish this answer?' });
  const decision = waiting({ type: 'approve', approvalId: 'publish', decision: 'approved' });
  act(() => runs.get('run-1')?.set({ ...ready(log.view()), pending: [decision] }));
  expect(card.textContent).toContain('Your decision, approved, will be sent when you are back.');
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Approve' }).disabled).toBe(true);
  fireEvent.click(screen.getByRole('button', { name: 'Take it back' }));
  expect(commands.takeBack.mock.calls).toEqual([[decision]]);
});

test('[UI-33] a command that was not taken is rolled back, and the page says why, also to who comes back to it', async () => {
  const log = streamingLog();
  const { runs } = open('/runs/run-1', [log]);
  await screen.findByRole('heading', { level: 1 });
  const error = new MillraceError('command_dropped', { detail: 'It waited 60 s.' });
  act(() => runs.get('run-1')?.set({ ...ready(log.view()), refused: { command: { type: 'cancel' }, error } }));
  expect(screen.getByRole('alert').textContent).toBe('Cancel was not sent: It waited 60 s.');
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Cancel' }).disabled).toBe(false);
});

test('[UI-34] a page says whether what it shows is whole', async () => {
  const log = approvalLog();
  const { runs } = open('/runs/run-1', [log]);
  await screen.findByRole('heading', { level: 1 });
  expect(screen.getByTitle('Nothing is missing here.').textContent).toBe('complete');
  act(() => runs.get('run-1')?.set({ ...ready(log.view()), continuity: 'gap' }));
  expect(screen.getByTitle(/^Something is missing right now/).textContent).toBe('gap');
  act(() => runs.get('run-1')?.set({ ...ready(log.view()), continuity: 'repaired' }));
  expect(screen.getByTitle(/^What is shown is right/).textContent).toBe('repaired');
});

test('[UI-35] the inbox lists what runs ask, counts it at the top of every page, and leads to the run', async () => {
  const item: InboxItem = {
    ...{ run: 'run-1', id: 'publish', kind: 'approval', node: 'report', workflow: 'ask-docs' },
    ...{ title: 'Publish this answer?', requestedAt: 1 },
  };
  open('/inbox', [approvalLog()], [item]);
  const link = await screen.findByRole('link', { name: 'Publish this answer?' });
  expect(link.getAttribute('href')).toBe('/runs/run-1');
  expect(screen.getByRole('navigation', { name: 'Main' }).textContent).toContain('Inbox1 open');
});

test('[UI-36] the knowledge bases and their documents have pages', async () => {
  const { pages } = open('/knowledge', []);
  expect((await screen.findByText('4 documents, 1 in progress, 60 chunks')).textContent).toBeTruthy();
  fireEvent.click(screen.getByRole('link', { name: 'docs' }));
  await waitFor(() => expect(pages.state.location.pathname).toBe('/knowledge/docs'));
  expect((await screen.findByText('d.md')).closest('li')?.textContent).toContain('Failed');
});
