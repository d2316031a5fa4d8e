import type { ControlView } from './view.ts';

/** Attempts that hold a lease now. */
export function liveAttempts(control: ControlView): number {
  return control.counts.running - control.unleased;
}

/** Nodes that have not ended. */
export function openNodes(control: ControlView): number {
  const { pending, queued, running, waiting, retrying } = control.counts;
  return pending + queued + running + waiting + retrying;
}
