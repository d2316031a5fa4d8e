import type { Clock, ControlView, Json, NewEvent, NewEventOf } from '@millrace/protocol';

/** What waits need of the memory engine. */
export interface WaitHost {
  readonly clock: Clock;
  /** Writes an event that ends a wait; nothing happens where it has ended. */
  end(run: string, wait: string, event: NewEvent): void;
  /** Creates the run of a wait for a child, under the id that the event names. */
  spawn(parent: string, event: NewEventOf<'child.started'>): void;
}

/** A wait has been written: it ends by itself when it is due. */
export function watchWait(host: WaitHost, run: string, event: NewEvent): void {
  const { node = '' } = event;
  const after = (at: number, wait: string, end: NewEvent): void => {
    host.clock.after(at - host.clock.now(), () => host.end(run, wait, end));
  };
  if (event.type === 'sleep.started') {
    const { sleepId, until } = event.data;
    after(until, sleepId, { type: 'sleep.ended', node, by: 'system', data: { sleepId } });
  }
  if (event.type === 'input.requested' && event.data.timeoutAt !== undefined) {
    const { inputId, timeoutAt, default: value } = event.data;
    const data = { inputId, ...(value === undefined ? {} : { value }) };
    after(timeoutAt, inputId, { type: 'input.timed_out', node, by: 'system', data });
  }
  if (event.type === 'approval.requested' && event.data.timeoutAt !== undefined) {
    const { approvalId, timeoutAt, onTimeout } = event.data;
    const decision = onTimeout === 'approve' ? 'approved' : onTimeout === 'reject' ? 'rejected' : 'timed_out';
    after(timeoutAt, approvalId, { type: 'approval.resolved', node, by: 'system', data: { approvalId, decision } });
  }
  if (event.type === 'child.started') host.spawn(run, event);
}

/** What the end of a run tells the wait that stands for it in its parent. */
export function childEnd(child: ControlView): { run: string; wait: string; event: NewEvent } | undefined {
  const parent = child.lineage?.parent;
  if (!parent || !['completed', 'failed', 'cancelled'].includes(child.status)) return undefined;
  const childId = `${parent.node}:${parent.step}`;
  const outcome = child.status as 'completed' | 'failed' | 'cancelled';
  const output = child.output as Json | undefined;
  const { error } = child;
  const data = {
    ...{ childId, run: child.run, outcome },
    ...(output === undefined ? {} : { output }),
    ...(error ? { error } : {}),
  };
  return { run: parent.run, wait: childId, event: { type: 'child.ended', node: parent.node, by: 'system', data } };
}
