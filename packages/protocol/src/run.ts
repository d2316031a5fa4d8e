import type { EventType } from './event.ts';

/** A run's states. `completed`, `failed` and `cancelled` are terminal: last in the log, and final. */
export type RunState = 'created' | 'running' | 'paused' | 'stopping' | 'completed' | 'failed' | 'cancelled';

export type RunMove = Extract<
  EventType,
  'run.started' | 'run.paused' | 'run.resumed' | 'run.stopping' | 'run.completed' | 'run.failed' | 'run.cancelled'
>;

/**
 * Where each event takes a run, null = refused. Complete by type: a missing cell does not compile.
 * `run.failed` out of `running` implies `run.stopping` (no attempt was live), as `run.cancelled` does.
 * `run.completed` out of `paused` is for external runs, whose producer finished.
 */
export const runTable: Record<RunState, Record<RunMove, RunState | null>> = {
  created: {
    'run.started': 'running',
    'run.paused': null,
    'run.resumed': null,
    'run.stopping': 'stopping',
    'run.completed': null,
    'run.failed': 'failed',
    'run.cancelled': 'cancelled',
  },
  running: {
    'run.started': null,
    'run.paused': 'paused',
    'run.resumed': null,
    'run.stopping': 'stopping',
    'run.completed': 'completed',
    'run.failed': 'failed',
    'run.cancelled': 'cancelled',
  },
  paused: {
    'run.started': null,
    'run.paused': null,
    'run.resumed': 'running',
    'run.stopping': 'stopping',
    'run.completed': 'completed',
    'run.failed': 'failed',
    'run.cancelled': 'cancelled',
  },
  stopping: {
    'run.started': null,
    'run.paused': null,
    'run.resumed': null,
    'run.stopping': null,
    'run.completed': null,
    'run.failed': 'failed',
    'run.cancelled': 'cancelled',
  },
  completed: ended(),
  failed: ended(),
  cancelled: ended(),
};

function ended(): Record<RunMove, null> {
  return {
    'run.started': null,
    'run.paused': null,
    'run.resumed': null,
    'run.stopping': null,
    'run.completed': null,
    'run.failed': null,
    'run.cancelled': null,
  };
}

export function isTerminal(state: RunState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** The states that a run may go to from `state`, for the facts of `invalid_transition`. */
export function runMovesFrom(state: RunState): RunState[] {
  return [...new Set(Object.values(runTable[state]))].filter((to): to is RunState => to !== null);
}

/**
 * The states that the world is shown, with the finer word beside them: `stopping` is cancelling or failing,
 * paused with live attempts is pausing, running with nothing but waits is waiting.
 */
export type PublicStatus = 'created' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
export type StatusDetail = 'cancelling' | 'failing' | 'pausing' | 'waiting';
