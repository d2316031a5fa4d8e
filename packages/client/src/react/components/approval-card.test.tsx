// @vitest-environment jsdom
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { ApprovalCard } from './approval-card.tsx';
import { approvalLog, completedLog, type SampleLog } from './sample-log.suite.ts';

afterEach(cleanup);

const waitOf = (log: SampleLog) => log.view().control.waits.publish!;
const timeText = (at: number) => new Date(at).toISOString().slice(11, 16);

function show(log: SampleLog, onDecide = vi.fn<(decision: string, comment?: string) => Promise<unknown>>()) {
  const shown = render(<ApprovalCard wait={waitOf(log)} onDecide={onDecide} timeText={timeText} />);
  return { ...shown, onDecide };
}

test('[UI-1] a decision is sent once, with its comment, however often the button is pressed', async () => {
  const { onDecide } = show(approvalLog());
  onDecide.mockReturnValue(new Promise(() => {}));
  fireEvent.change(screen.getByLabelText('Comment (optional)'), { target: { value: ' fine ' } });
  const approve = screen.getByRole<HTMLButtonElement>('button', { name: 'Approve' });
  fireEvent.click(approve);
  fireEvent.click(approve);
  fireEvent.click(screen.getByRole('button', { name: 'Reject' }));
  expect(onDecide.mock.calls).toEqual([['approved', 'fine']]);
  expect(screen.getAllByRole<HTMLButtonElement>('button').every((button) => button.disabled)).toBe(true);
  expect(screen.getByRole('status').textContent).toBe('Sending your decision…');
});

test('[UI-1] a refusal is shown, the comment is kept, and the buttons work again', async () => {
  const { onDecide } = show(approvalLog());
  onDecide.mockRejectedValueOnce(new Error('Somebody has already answered this.')).mockResolvedValueOnce(undefined);
  fireEvent.change(screen.getByLabelText('Comment (optional)'), { target: { value: 'no' } });
  await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Reject' })));
  expect(screen.getByRole('alert').textContent).toContain('Somebody has already answered this.');
  await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Reject' })));
  expect(onDecide.mock.calls).toEqual([
    ['rejected', 'no'],
    ['rejected', 'no'],
  ]);
  expect(screen.queryByRole('alert')).toBeNull();
  expect(screen.getByRole('status').textContent).toContain('Sent');
});

test('the request names its title and details and offers its own options beside approve and reject', () => {
  const log = approvalLog().add(
    'approval.requested',
    { approvalId: 'publish', title: 'Publish?', options: ['later'] },
    { node: 'report' },
  );
  show(log);
  expect(screen.getByRole('region', { name: 'Publish?' })).toBeTruthy();
  expect(screen.getAllByRole('button').map((button) => button.textContent)).toEqual(['Approve', 'later', 'Reject']);
});

test('an answered one says who decided what, and has no buttons', () => {
  show(completedLog());
  expect(screen.getByText(/^Approved by demo, 09:00$/)).toBeTruthy();
  expect(screen.getByText('“Good.”')).toBeTruthy();
  expect(screen.queryByRole('button')).toBeNull();
});

test('[UI-5] details are read as text, named parts and rows; HTML in them is text', () => {
  const details = { answer: '**Yes** <img src=x>', sources: [{ n: 1, file: '<b>a</b>.md' }], raw: { deep: [1] } };
  const log = approvalLog().add(
    'approval.requested',
    { approvalId: 'publish', title: 'Publish?', details },
    { node: 'report' },
  );
  const { container } = show(log);
  expect(container.querySelector('strong')?.textContent).toBe('Yes');
  expect(container.querySelector('img, b')).toBeNull();
  expect(screen.getByRole('columnheader', { name: 'file' })).toBeTruthy();
  expect(screen.getByRole('cell', { name: '<b>a</b>.md' })).toBeTruthy();
  expect(container.querySelector('pre')?.textContent).toContain('"deep"');
});
