import { isTerminal, runTable } from '@millrace/protocol/run';
import type { ControlView } from '@millrace/protocol/view';

export type RunAction = 'pause' | 'resume' | 'cancel' | 'retry-failed' | 'retry-start';

/** What can be asked of a run as it stands, by the state tables; the server has the last word. */
export function runActions(control: Pick<ControlView, 'status' | 'counts' | 'external'>): ReadonlySet<RunAction> {
  const { status, counts, external } = control;
  const moves = runTable[status];
  const allowed: Record<RunAction, boolean> = {
    pause: moves['run.paused'] !== null,
    resume: moves['run.resumed'] !== null,
    // A stopping run is on its way there already.
    cancel: moves['run.stopping'] !== null,
    'retry-failed': isTerminal(status) && !external && (status !== 'completed' || counts.failed > 0),
    'retry-start': isTerminal(status) && !external,
  };
  return new Set((Object.keys(allowed) as RunAction[]).filter((action) => allowed[action]));
}
