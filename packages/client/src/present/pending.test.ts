import { describe, expect, test } from 'vitest';
import { answerTo, type Pending, pendingText, queueText, shownStatus } from './pending.ts';

const asked = (type: 'pause' | 'resume' | 'cancel', state: Pending['state'] = 'sending'): Pending => ({
  ...{ command: { type }, state },
  ...(state === 'queued' && { expiresAt: 60_000 }),
});
const decision: Pending = { command: { type: 'approve', approvalId: 'w', decision: 'approved' }, state: 'queued' };

describe('[CLT-71] a run is shown as it is about to be', () => {
  test.each([
    ['running', 'pause', 'pausing'],
    ['paused', 'resume', 'resuming'],
    ['running', 'cancel', 'cancelling'],
    ['created', 'cancel', 'cancelling'],
    ['paused', 'pause', undefined],
    ['running', 'resume', undefined],
    ['completed', 'cancel', undefined],
  ] as const)('%s, asked to %s: %s', (status, type, detail) => {
    expect(shownStatus({ status }, [asked(type)])).toEqual({ status, ...(detail && { detail }) });
  });

  test('and as it is where nothing is on its way', () => {
    const run = { status: 'running', detail: 'waiting' } as const;
    expect(shownStatus(run, [])).toBe(run);
    expect(shownStatus(run, [decision])).toBe(run);
  });
});

test('[CLT-71] a wait has the answer that is on its way', () => {
  expect(answerTo([asked('pause'), decision], 'w')).toBe(decision);
  expect(answerTo([decision], 'other')).toBeUndefined();
});

test('[CLT-71] what waits for the connection says so, and when it expires', () => {
  expect(pendingText(asked('pause'), 0)).toBe('Pausing…');
  expect(pendingText(asked('cancel', 'queued'), 18_000)).toBe(
    'Your cancel will be sent when you are back; expires in 42 s.',
  );
  expect(pendingText(decision, 0)).toBe('Your decision, approved, will be sent when you are back.');
  expect(queueText([asked('pause')], 0)).toBeUndefined();
  expect(queueText([decision], 0)).toBe('1 command will be sent when you are back');
  expect(queueText([decision, asked('pause', 'queued')], 18_000)).toBe(
    '2 commands will be sent when you are back; the first expires in 42 s',
  );
});
