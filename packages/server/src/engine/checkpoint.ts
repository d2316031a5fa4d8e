import { type BlobRef, type ControlView, type Json, MillraceError, type NewEvent } from '@millrace/protocol';

/** ms after its run's end for which a checkpoint can be loaded; a run that has not ended keeps all of its own. */
export const CHECKPOINT_KEPT = 7 * 24 * 60 * 60_000;

/** Whether nothing can be loaded of this run's checkpoints any more. Their events stay in the log. */
export function checkpointsExpired({ endedAt }: Pick<ControlView, 'endedAt'>, now: number): boolean {
  return endedAt !== undefined && now - endedAt >= CHECKPOINT_KEPT;
}

/** What a new run inherits of an ancestor: without its checkpoints where they have expired, and then it says so. */
export function withoutExpired(inherited: NewEvent[], ancestor: ControlView, now: number): NewEvent[] {
  if (!checkpointsExpired(ancestor, now) || !inherited.some(({ type }) => type === 'checkpoint.saved'))
    return inherited;
  const message = `The checkpoints of ${ancestor.run} have expired; this run goes on from the last finished steps.`;
  const kept = inherited.filter(({ type }) => type !== 'checkpoint.saved');
  return [...kept, { type: 'error', by: 'system', data: { code: 'checkpoint_expired', message } }];
}

/** Errors: node_not_found, checkpoint_not_found (never saved), checkpoint_expired. */
export function loadCheckpoint(
  control: ControlView,
  { node, key }: { node: string; key: string },
  now: number,
): { seq: number; at: number; state: Json | BlobRef } {
  const found = control.nodes[node];
  if (!found) throw new MillraceError('node_not_found', { detail: `The run has no node "${node}".` });
  const checkpoint = found.checkpoints?.[key];
  if (!checkpoint) {
    throw new MillraceError('checkpoint_not_found', { detail: `"${node}" never saved a checkpoint "${key}".` });
  }
  if (checkpointsExpired(control, now)) {
    throw new MillraceError('checkpoint_expired', {
      detail: `The checkpoint "${key}" could be loaded until ${CHECKPOINT_KEPT / 86_400_000} days after the run's end.`,
      facts: { node, key, seq: checkpoint.seq },
    });
  }
  return checkpoint;
}
