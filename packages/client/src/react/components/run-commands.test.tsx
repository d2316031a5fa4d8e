// @vitest-environment jsdom

import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import type { RunAction } from '../../present/run-actions.ts';
import { RunCommands } from './run-commands.tsx';
import { completedLog, documentsLog, type SampleLog, START } from './sample-log.suite.ts';

afterEach(cleanup);

const error = { code: 'task_failed', message: 'no', retryable: false } as const;

function show(log: SampleLog) {
  const onAction = vi.fn<(action: RunAction) => Promise<unknown>>(async () => undefined);
  const { rerender } = render(<RunCommands control={log.view().control} onAction={onAction} />);
  return { onAction, again: () => rerender(<RunCommands control={log.view().control} onAction={onAction} />) };
}

const buttons = () =>
  screen.getAllByRole<HTMLButtonElement>('button').map(({ textContent, disabled }) => [textContent, !disabled]);
const press = (name: string) => act(async () => fireEvent.click(screen.getByRole('button', { name })));

test.each<[string, () => SampleLog, [string, boolean][]]>([
  [
    'running',
    () => documentsLog(),
    [
      ['Pause', true],
      ['Cancel', true],
    ],
  ],
  [
    'paused',
    () => documentsLog().add('run.paused', {}),
    [
      ['Resume', true],
      ['Cancel', true],
    ],
  ],
  [
    'stopping',
    () => documentsLog().add('run.stopping', { outcome: 'cancelled', graceUntil: START }),
    [
      ['Pause', false],
      ['Cancel', false],
    ],
  ],
  [
    'failed',
    () => documentsLog().add('run.failed', { error }),
    [
      ['Retry from failed', true],
      ['Retry from start', true],
    ],
  ],
  ['completed', () => completedLog(), [['Retry from start', true]]],
])('[UI-20] a run that is %s offers what its state allows', (_, log, expected) => {
  show(log());
  expect(buttons()).toEqual(expected);
});

test('[UI-20] a command is sent once, and its button stays off until the log tells of a new state', async () => {
  const log = documentsLog();
  const { onAction, again } = show(log);
  fireEvent.click(screen.getByRole('button', { name: 'Pause' }));
  await press('Pause');
  expect(onAction.mock.calls).toEqual([['pause']]);
  expect(screen.getByRole('status').textContent).toBe('Pause: sent');
  expect(buttons()).toEqual([
    ['Pause', false],
    ['Cancel', false],
  ]);
  log.add('run.paused', {});
  again();
  expect(buttons()).toEqual([
    ['Resume', true],
    ['Cancel', true],
  ]);
});

test('[UI-20] a refusal is shown where it was asked for, and the buttons work again', async () => {
  const { onAction } = show(documentsLog());
  onAction.mockRejectedValueOnce(new Error('The run has moved on since you saw it.'));
  await press('Pause');
  expect(screen.getByRole('alert').textContent).toBe('Pause was refused: The run has moved on since you saw it.');
  expect(buttons()).toEqual([
    ['Pause', true],
    ['Cancel', true],
  ]);
});

test('[UI-21] cancelling asks first, with the harmless answer focused; Escape goes back to the button', async () => {
  const { onAction } = show(documentsLog());
  await press('Cancel');
  const dialog = screen.getByRole('alertdialog', { name: 'Cancel this run?' });
  expect(document.activeElement?.textContent).toBe('Keep it');
  fireEvent.keyDown(dialog, { key: 'Escape' });
  expect([screen.queryByRole('alertdialog'), document.activeElement?.textContent]).toEqual([null, 'Cancel']);
  expect(onAction).not.toHaveBeenCalled();
  await press('Cancel');
  await press('Cancel the run');
  expect(onAction.mock.calls).toEqual([['cancel']]);
});

test('[UI-33] a command that expired was not refused by anybody, and is said not to have been sent', async () => {
  const { onAction } = show(documentsLog());
  const dropped = Object.assign(new Error('It waited 60 s for the connection.'), { code: 'command_dropped' });
  onAction.mockRejectedValueOnce(dropped);
  await press('Pause');
  expect(screen.getByRole('alert').textContent).toBe('Pause was not sent: It waited 60 s for the connection.');
});

test('[UI-33] a command that was taken back says nothing more', async () => {
  const { onAction } = show(documentsLog());
  onAction.mockRejectedValueOnce(Object.assign(new Error('It was taken back.'), { facts: { takenBack: true } }));
  await press('Pause');
  expect(screen.queryByRole('alert')).toBeNull();
  expect(buttons()[0]).toEqual(['Pause', true]);
});
