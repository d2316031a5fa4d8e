import { own, type Fresh } from './draft.ts';
import type { EventOf, RunEvent } from './event.ts';
import type { ControlView, WaitView } from './view.ts';
import { waitTable, type WaitKind, type WaitMove } from './wait.ts';

export function isWaitEvent(event: RunEvent): event is EventOf<WaitMove> & RunEvent {
  return event.type in waitTable.approval;
}

/** The id of the wait that an event opens or ends. */
export function waitIdOf(event: EventOf<WaitMove>): string {
  const data = event.data as { approvalId?: string; inputId?: string; sleepId?: string; childId?: string };
  return data.approvalId ?? data.inputId ?? data.sleepId ?? data.childId ?? '';
}

/** Folds an event that opens or ends a wait; answers the wait where the event ended it. */
export function foldWait(view: ControlView, event: RunEvent, fresh: Fresh | undefined): WaitView | undefined {
  if (!isWaitEvent(event)) return undefined;
  const id = waitIdOf(event);
  const kind = event.type.slice(0, event.type.indexOf('.')) as WaitKind;
  const waits = own(view, 'waits', fresh);
  const to = waitTable[kind][event.type];
  const before = waits[id];
  if (to === null || (before && before.status !== 'open')) return undefined;
  const wait: WaitView = before
    ? { ...before }
    : { id, kind, node: event.node ?? '', status: 'open', seq: event.seq, requestedAt: event.at };
  waits[id] = wait;
  describe(wait, event);
  if (to === 'open') return undefined;
  wait.status = to;
  wait.endedAt = event.at;
  wait.endedSeq = event.seq;
  if (event.by !== undefined) wait.by = event.by;
  return wait;
}

function describe(wait: WaitView, event: EventOf<WaitMove>): void {
  if ('reused' in event.data && event.data.reused) wait.reused = event.data.reused;
  switch (event.type) {
    case 'approval.requested': {
      const { approvalId: _id, timeoutAt, ...approval } = event.data;
      wait.approval = approval;
      if (timeoutAt !== undefined) wait.timeoutAt = timeoutAt;
      return;
    }
    case 'approval.resolved': {
      const { decision, comment } = event.data;
      wait.approval = { title: '', ...wait.approval, decision, ...(comment === undefined ? {} : { comment }) };
      return;
    }
    case 'input.requested': {
      const { inputId: _id, timeoutAt, ...input } = event.data;
      wait.input = input;
      if (timeoutAt !== undefined) wait.timeoutAt = timeoutAt;
      return;
    }
    case 'input.provided': case 'input.timed_out':
      wait.input = { prompt: '', ...wait.input, ...(event.data.value === undefined ? {} : { value: event.data.value }) };
      return;
    case 'sleep.started': wait.sleep = { until: event.data.until }; return;
    case 'sleep.ended': return;
    case 'child.started': {
      const { run, workflow, detached } = event.data;
      wait.child = { run, workflow, ...(detached === undefined ? {} : { detached }) };
      return;
    }
    case 'child.ended': {
      const { run, outcome, output, error } = event.data;
      wait.child = {
        workflow: '', ...wait.child, run, outcome,
        ...(output === undefined ? {} : { output }), ...(error ? { error } : {}),
      };
    }
  }
}

/** A terminal event closes every open wait. */
export function closeWaits(view: ControlView, event: RunEvent, fresh: Fresh | undefined): void {
  for (const id in view.waits) {
    const wait = view.waits[id] as WaitView;
    if (wait.status !== 'open') continue;
    own(view, 'waits', fresh)[id] = { ...wait, status: 'cancelled', endedAt: event.at, endedSeq: event.seq };
  }
}
