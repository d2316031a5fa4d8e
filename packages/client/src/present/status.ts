import type { NodeState } from '@millrace/protocol/node';
import type { PublicStatus } from '@millrace/protocol/run';
import type { StepView, WaitView } from '@millrace/protocol/view';
import type { ShownDetail } from './pending.ts';

/** of a run, node, step, wait, document or tool call */
export type AnyStatus = PublicStatus | NodeState | StepView['status'] | WaitView['status'] | 'processing';

export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'idle';

export interface StatusLook {
  word: string;
  tone: Tone;
  /** one character that differs per status, so that nobody needs the colour */
  symbol: string;
}

const looks: Record<AnyStatus, StatusLook> = {
  created: { word: 'Created', tone: 'idle', symbol: '○' },
  pending: { word: 'Pending', tone: 'idle', symbol: '◌' },
  queued: { word: 'Queued', tone: 'idle', symbol: '◔' },
  running: { word: 'Running', tone: 'busy', symbol: '▶' },
  processing: { word: 'Processing', tone: 'busy', symbol: '▷' },
  waiting: { word: 'Waiting', tone: 'warn', symbol: '⧗' },
  open: { word: 'Open', tone: 'warn', symbol: '⧖' },
  paused: { word: 'Paused', tone: 'warn', symbol: '‖' },
  retrying: { word: 'Retrying', tone: 'warn', symbol: '↻' },
  completed: { word: 'Completed', tone: 'ok', symbol: '✓' },
  answered: { word: 'Answered', tone: 'ok', symbol: '✔' },
  failed: { word: 'Failed', tone: 'bad', symbol: '✕' },
  timed_out: { word: 'Timed out', tone: 'bad', symbol: '⌛' },
  skipped: { word: 'Skipped', tone: 'idle', symbol: '»' },
  cancelled: { word: 'Cancelled', tone: 'idle', symbol: '⊘' },
};

const details: Record<ShownDetail, StatusLook> = {
  waiting: { word: 'Running, waiting', tone: 'warn', symbol: '⧗' },
  pausing: { word: 'Pausing', tone: 'warn', symbol: '⦀' },
  resuming: { word: 'Resuming', tone: 'busy', symbol: '⇥' },
  cancelling: { word: 'Cancelling', tone: 'idle', symbol: '⊖' },
  failing: { word: 'Failing', tone: 'bad', symbol: '⊗' },
};

/** How a status is shown; a run's finer word goes before its status. */
export function lookOf(status: AnyStatus, detail?: ShownDetail): StatusLook {
  return detail === undefined ? looks[status] : details[detail];
}
