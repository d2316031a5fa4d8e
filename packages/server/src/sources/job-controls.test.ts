import type { RunSummary } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { JobControls } from './job-controls.ts';

const row = (about: Partial<RunSummary>): RunSummary => ({
  ...{ id: 'j1', workflow: 'search', status: 'running', seq: 1, createdAt: 0, updatedAt: 0, tags: [], external: true },
  ...{ nodes: { ended: 0, total: 0 }, openWaits: 0 },
  ...about,
});

/** What a publisher is told of a life. */
const told = (...life: Partial<RunSummary>[]) => {
  const controls = new JobControls();
  return life.flatMap((about) => controls.next(row(about)) ?? []).map(({ action, reason }) => reason ?? action);
};

test('[DIA-74] each pause, resume and cancel is told once, however often the row changes', () => {
  expect(told({}, { status: 'paused' }, { status: 'paused', openWaits: 1 }, {}, {}, { status: 'paused' })).toEqual([
    ...['pause', 'resume', 'pause'],
  ]);
  expect(told({}, { detail: 'cancelling' }, { status: 'cancelled' })).toEqual(['cancel']);
  expect(told({ status: 'paused' }, { status: 'cancelled' })).toEqual(['pause', 'cancel']);
  expect(told({ status: 'created' }, {}, { status: 'completed' })).toEqual([]);
});

test('[DIA-74] a job that was given up as hung is told to stop; one that failed by itself knows', () => {
  const error = (code: string) => ({ status: 'failed', error: { code, message: '' } }) as const;
  expect(told({}, error('hung'))).toEqual(['hung']);
  expect(told({}, error('task_failed'))).toEqual([]);
});

test('[DIA-74] jobs that our own workers execute hear of it by their leases', () => {
  expect(told({ external: false, status: 'paused' }, { external: false, status: 'cancelled' })).toEqual([]);
});
