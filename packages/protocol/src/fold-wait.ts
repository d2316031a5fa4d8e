import { type Fresh, own } from './draft.ts';
import type { EventOf, RunEvent } from './event.ts';
import type { Json } from './json.ts';
import { pick } from './pick.ts';
import type { ControlView, WaitView } from './view.ts';
import { type WaitKind, type WaitMove, type WaitState, waitTable } from './wait.ts';

/** What an event did to a wait; `from` is undefined where there was none before. */
export interface WaitChange {
  wait: WaitView;
  from: WaitState | undefined;
}

export function isWaitEvent(event: RunEvent): event is EventOf<WaitMove> & RunEvent {
  return event.type in waitTable.approval;
}

/** The id of the wait that an event opens or ends. */
export function waitIdOf(event: EventOf<WaitMove>): string {
  const data = event.data as { approvalId?: string; inputId?: string; sleepId?: string; childId?: string };
  return data.approvalId ?? data.inputId ?? data.sleepId ?? data.childId ?? '';
}

/** Folds an event that opens, repeats or ends a wait. A wait that has ended, or is of another kind, stays as it is. */
export function foldWait(
  view: ControlView,
  event: EventOf<WaitMove>,
  fresh: Fresh | undefined,
): WaitChange | undefined {
  const id = waitIdOf(event);
  const kind = event.type.slice(0, event.type.indexOf('.')) as WaitKind;
  const to = waitTable[kind][event.type];
  const before = view.waits[id];
  if (to === null || (before && (before.status !== 'open' || before.kind !== kind))) return undefined;
  const wait: WaitView = before
    ? { ...before }
    : { id, kind, node: event.node ?? '', status: to, seq: event.seq, requestedAt: event.at };
  describe(wait, event);
  if (to !== 'open') {
    wait.status = to;
    wait.endedAt = event.at;
    wait.endedSeq = event.seq;
    if (event.by !== undefined) wait.by = event.by;
  }
  own(view, 'waits', fresh)[id] = wait;
  view.openWaits += (to === 'open' ? 1 : 0) - (before ? 1 : 0);
  return { wait, from: before?.status };
}

function describe(wait: WaitView, event: EventOf<WaitMove>): void {
  if ('reused' in event.data && event.data.reused) wait.reused = event.data.reused;
  switch (event.type) {
    case 'approval.requested': {
      const { data } = event;
      wait.approval = {
        ...pick(data, 'title', 'details', 'options', 'onTimeout', 'onReject', 'escalation'),
        ...(data.escalateTo?.length && pick(data, 'escalateTo')),
      };
      delete wait.timeoutAt;
      Object.assign(wait, pick(data, 'timeoutAt'));
      return;
    }
    case 'approval.resolved':
      wait.approval = { title: '', ...wait.approval, ...pick(event.data, 'decision', 'comment') };
      return;
    case 'input.requested':
      wait.input = pick(event.data, 'prompt', 'schema', 'default');
      Object.assign(wait, pick(event.data, 'timeoutAt'));
      return;
    case 'input.provided':
    case 'input.timed_out':
      wait.input = { prompt: '', ...wait.input, ...pick(event.data as { value?: Json }, 'value') };
      return;
    case 'sleep.started':
      wait.sleep = pick(event.data, 'until');
      return;
    case 'sleep.ended':
      return;
    case 'child.started':
      wait.child = pick(event.data, 'run', 'workflow', 'detached');
      return;
    case 'child.ended':
      wait.child = { workflow: '', ...wait.child, ...pick(event.data, 'run', 'outcome', 'output', 'error') };
  }
}

/** Ends an open wait whose node or run has ended before an answer came. */
export function closeWait(view: ControlView, id: string, event: RunEvent, fresh: Fresh | undefined): void {
  const wait = view.waits[id];
  if (wait?.status !== 'open') return;
  own(view, 'waits', fresh)[id] = { ...wait, status: 'cancelled', endedAt: event.at, endedSeq: event.seq };
  view.openWaits -= 1;
}

/** A terminal event closes every open wait. */
export function closeWaits(view: ControlView, event: RunEvent, fresh: Fresh | undefined): void {
  if (view.openWaits === 0) return;
  for (const id in view.waits) closeWait(view, id, event, fresh);
}
