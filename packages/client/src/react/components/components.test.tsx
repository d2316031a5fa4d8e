// @vitest-environment jsdom
import type { FileView } from '@millrace/protocol/view';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { timelineOf } from '../../present/timeline.ts';
import { ConnectionLight } from './connection-light.tsx';
import { CostMeter } from './cost-meter.tsx';
import { DocumentProgress } from './document-progress.tsx';
import { ErrorPanel } from './error-panel.tsx';
import { FileList } from './file-list.tsx';
import { RunStatus } from './run-status.tsx';
import { completedLog, documentsLog, START, streamingLog } from './sample-log.suite.ts';
import { briefOf, StepTimeline } from './step-timeline.tsx';

afterEach(cleanup);

test('[UI-4] every status is a word, and no two statuses share their shape', () => {
  const statuses = [
    'created',
    'running',
    'paused',
    'completed',
    'failed',
    'cancelled',
    'waiting',
    'retrying',
    'skipped',
    'queued',
  ] as const;
  const shapes = statuses.map((status) => {
    const { container } = render(<RunStatus status={status} />);
    expect(container.textContent?.toLowerCase()).toBe(status);
    return container.querySelector('path')?.getAttribute('d');
  });
  expect(new Set(shapes).size).toBe(statuses.length);
  cleanup();
  expect(render(<RunStatus status="running" detail="waiting" />).container.textContent).toBe('Running, waiting');
});

test.each([
  ['live', 'Connected', true],
  ['reconnecting', 'Reconnecting', true],
  ['offline', 'Disconnected', false],
  ['signed-out', 'Disconnected', false],
] as const)('[UI-4] the light of a %s connection says %s, pulse: %s', (state, word, pulses) => {
  const { container } = render(
    <ConnectionLight announces state={state} transport="websocket" lag={12.4} asOf="09:00:01" />,
  );
  expect(screen.getByRole('status').textContent).toBe(word);
  expect(container.querySelector('.mr-pulse') !== null).toBe(pulses);
  expect(container.textContent?.includes('as of 09:00:01')).toBe(state !== 'live');
  expect(container.textContent?.includes('12 ms')).toBe(state === 'live');
});

test('documents: how many are indexed, of how many chunks; a failed one stands first with its error', () => {
  const log = documentsLog('run-1', 3)
    .add('kb.started', { kbId: 'docs', documentId: 'bad', fileName: '<b>bad</b>.pdf' })
    .add('kb.failed', {
      kbId: 'docs',
      documentId: 'bad',
      fileName: '<b>bad</b>.pdf',
      error: 'not a text',
      failedPhase: 'extraction',
    });
  const { documents, documentTotal } = log.view().content;
  const { container } = render(<DocumentProgress documents={documents} total={documentTotal} />);
  expect(container.querySelector('dl')?.textContent).toBe('Indexed3 of 4Chunks39Failed1');
  expect(screen.getAllByRole('listitem')[0]?.textContent).toContain('<b>bad</b>.pdf');
  expect(screen.getAllByRole('listitem')[0]?.textContent).toContain('not a text');
  expect(container.querySelector('b')).toBeNull();
});

test('steps: nodes with their steps in order; a long list is folded and can be opened', () => {
  render(<StepTimeline view={documentsLog('run-1', 30).view()} now={START} timeText={String} />);
  const names = () => screen.getAllByRole('listitem').map((item) => within(item).getAllByTitle(/./)[0]?.title);
  expect(names()).toHaveLength(12);
  expect(names().slice(0, 2)).toEqual(['find', 'index']);
  expect(names().slice(-2)).toEqual(['answer', 'report']);
  fireEvent.click(screen.getByRole('button', { name: 'Show all 34' }));
  expect(names()).toHaveLength(34);
});

test('[UI-24] steps: a sleep says until when, and a child run leads to its page and says how it failed', () => {
  const at = { node: 'report', attempt: 1 };
  const log = streamingLog()
    .add('node.started', {}, at)
    .add('sleep.started', { sleepId: 'report:nap', until: START + 60_000 }, at)
    .add('child.started', { childId: 'report:sub', run: 'child-run-1', workflow: 'translate' }, at)
    .add('child.ended', { childId: 'report:sub', run: 'child-run-1', outcome: 'failed' }, { node: 'report' });
  const timeText = (ms: number) => new Date(ms).toISOString().slice(11, 19);
  const runLink = (run: string, text: string) => <a href={`/runs/${run}`}>{text}</a>;
  const shown = render(<StepTimeline view={log.view()} now={START} timeText={timeText} runLink={runLink} />);
  expect(screen.getByText('sleeps until 09:01:00')).toBeTruthy();
  const link = screen.getByRole('link', { name: 'run ld-run-1' });
  expect([link.getAttribute('href'), link.parentElement?.textContent]).toEqual([
    '/runs/child-run-1',
    'run ld-run-1, failed',
  ]);
  log.add('sleep.ended', { sleepId: 'report:nap' }, { node: 'report' });
  shown.rerender(<StepTimeline view={log.view()} now={START} timeText={timeText} />);
  expect(screen.queryByText(/sleeps until/)).toBeNull();
});

test('steps that run or failed stay in the folded list', () => {
  const log = documentsLog('run-1', 30).add('node.started', {}, { node: 'answer', attempt: 1 });
  log.add('step.started', { name: 'draft' }, { node: 'answer', attempt: 1 });
  const brief = briefOf(timelineOf(log.view(), START).rows);
  expect(brief.map((entry) => entry.key)).toContain('answer/draft');
  expect(brief).toHaveLength(12);
});

const report = (): FileView => completedLog().view().content.files[0]!;

test('[UI-6] a Markdown file is shown at once, without running what it contains; others on demand', async () => {
  const load = vi.fn(async (file: FileView) => new Blob([`# ${file.name}\n\n<script>alert(1)</script>`]));
  const files = [report(), { ...report(), name: '<i>data</i>.json', type: 'application/json' }];
  const { container } = render(<FileList files={files} load={load} />);
  expect(await screen.findByRole('heading', { name: 'report.md' })).toBeTruthy();
  expect(container.querySelector('script, i')).toBeNull();
  expect(load).toHaveBeenCalledTimes(1);
  fireEvent.click(screen.getByRole('button', { name: 'Show <i>data</i>.json' }));
  await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(2));
});

test('[UI-6] a file that cannot be loaded says why', async () => {
  render(<FileList files={[report()]} load={() => Promise.reject(new Error('There is no such file.'))} />);
  expect(await screen.findByText(/There is no such file/)).toBeTruthy();
});

test('cost: tokens, money with enough decimals, and the part of the budget', () => {
  const usage = { inputTokens: 1_812, outputTokens: 16, cost: { USD: 0.25 } };
  render(<CostMeter usage={usage} budget={{ amount: 1, currency: 'USD' }} />);
  expect(screen.getByText('1,812')).toBeTruthy();
  expect(screen.getByRole('progressbar', { name: 'Budget used' }).getAttribute('aria-valuenow')).toBe('25');
});

test('an error names its place, its message and its code', () => {
  const { container } = render(<ErrorPanel error={{ code: 'task_failed', message: '<u>boom</u>', node: 'answer' }} />);
  expect(container.textContent).toBe('The run failed in answer<u>boom</u>task_failed');
  expect(container.querySelector('u')).toBeNull();
});
