import type { EventType } from './event.ts';

/** What a parked node waits for. */
export type WaitKind = 'approval' | 'input' | 'sleep' | 'child';

/** `cancelled` = its run or node ended before an answer came. All but `open` are terminal. */
export type WaitState = 'open' | 'answered' | 'timed_out' | 'cancelled';

export type WaitMove = Extract<
  EventType,
  | 'approval.requested'
  | 'approval.resolved'
  | 'input.requested'
  | 'input.provided'
  | 'input.timed_out'
  | 'sleep.started'
  | 'sleep.ended'
  | 'child.started'
  | 'child.ended'
>;

/**
 * Which events end a wait of a kind, and how. Every cell stands: a missing one does not compile.
 * A second `approval.requested` with the same id is an escalation: the wait stays open with a new deadline.
 */
export const waitTable: Record<WaitKind, Record<WaitMove, WaitState | null>> = {
  approval: {
    'approval.requested': 'open',
    'approval.resolved': 'answered',
    'input.requested': null,
    'input.provided': null,
    'input.timed_out': null,
    'sleep.started': null,
    'sleep.ended': null,
    'child.started': null,
    'child.ended': null,
  },
  input: {
    'approval.requested': null,
    'approval.resolved': null,
    'input.requested': 'open',
    'input.provided': 'answered',
    'input.timed_out': 'timed_out',
    'sleep.started': null,
    'sleep.ended': null,
    'child.started': null,
    'child.ended': null,
  },
  sleep: {
    'approval.requested': null,
    'approval.resolved': null,
    'input.requested': null,
    'input.provided': null,
    'input.timed_out': null,
    'sleep.started': 'open',
    'sleep.ended': 'answered',
    'child.started': null,
    'child.ended': null,
  },
  child: {
    'approval.requested': null,
    'approval.resolved': null,
    'input.requested': null,
    'input.provided': null,
    'input.timed_out': null,
    'sleep.started': null,
    'sleep.ended': null,
    'child.started': 'open',
    'child.ended': 'answered',
  },
};
