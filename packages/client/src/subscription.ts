import { type Cursor, formatCursor } from '@millrace/protocol/cursor';
import type { RunEvent } from '@millrace/protocol/event';
import type { EventRange, ServerFrame } from '@millrace/protocol/frame';
import type { RunView } from '@millrace/protocol/view';

/** What a range is to a reader who has everything up to `cursor`. */
export type Verdict =
  | { kind: 'accept'; events: RunEvent[]; cursor: number }
  /** everything in it is known */
  | { kind: 'repeat' }
  /** something before it is missing */
  | { kind: 'gap' };

/** The reader's one rule: accept iff seq ≤ cursor+1 ≤ through, drop events ≤ cursor, set cursor = through. */
export function accept(cursor: number, range: EventRange): Verdict {
  const next = cursor + 1;
  if (range.seq > next) return { kind: 'gap' };
  if (range.through < next) return { kind: 'repeat' };
  const { events } = range;
  const first = events[0];
  return {
    kind: 'accept',
    events: first === undefined || first.seq > cursor ? events : events.filter((event) => event.seq > cursor),
    cursor: range.through,
  };
}

/** How far one subscription has got. */
export interface Position {
  /** undefined = nothing yet: the answer to a subscription without a cursor is a snapshot */
  cursor: Cursor | undefined;
  /** the log's head when the server answered the subscription; undefined = it has not answered yet */
  head: number | undefined;
  /** events are missing: the view stands still until they or a snapshot come */
  gap: boolean;
  /** a missing stretch was asked for, and the answer is on its way */
  asked: boolean;
  /** a snapshot has replaced events that were never seen one by one */
  repaired: boolean;
}

export const start: Position = { cursor: undefined, head: undefined, gap: false, asked: false, repaired: false };

/**
 * Whether what a store shows is whole.
 *
 * - `complete`: every event since its first snapshot was seen one by one; of a list, every change of a row.
 * - `gap`: some are missing right now, because the server said so or because they did not come. The store shows what it
 *   has and asks for the rest.
 * - `repaired`: a snapshot (of a list: its rows, whole) has stood in for what was missed since. What is shown is right;
 *   what happened in between was not seen event by event, and `history` reads it.
 */
export type Continuity = 'complete' | 'repaired' | 'gap';

export function continuityOf(position: Position): Continuity {
  return position.gap ? 'gap' : position.repaired ? 'repaired' : 'complete';
}

/** Whether the server has told of events that have not come yet. */
export function isBehind({ cursor, head, gap }: Position): boolean {
  return gap || cursor === undefined || head === undefined || cursor.seq < head;
}

/** What to send as `after`. */
export function afterOf({ cursor }: Position): string | undefined {
  return cursor && formatCursor(cursor.epoch, cursor.seq);
}

export type RunFrame = Extract<ServerFrame, { type: 'range' | 'snapshot' | 'gap' }>;

export interface Step {
  position: Position;
  events?: RunEvent[];
  view?: RunView;
  /** ask again, from the position's cursor */
  resubscribe?: boolean;
}

/**
 * One frame further. `epoch` is the one that the connection's hello named: a cursor of another epoch belongs to
 * another log, and only a snapshot leads from it into this one.
 */
export function follow(position: Position, frame: RunFrame, epoch: string): Step {
  const { cursor } = position;
  const sameLog = cursor === undefined || cursor.epoch === epoch;
  switch (frame.type) {
    case 'gap':
      return { position: { ...position, gap: true, head: frame.latest } };
    case 'snapshot': {
      if (cursor && sameLog && !position.gap && frame.seq <= cursor.seq) return { position };
      return {
        position: {
          cursor: { epoch, seq: frame.seq },
          head: Math.max(position.head ?? 0, frame.seq),
          gap: false,
          asked: false,
          repaired: position.repaired || cursor !== undefined,
        },
        view: frame.view,
      };
    }
    case 'range': {
      if (cursor === undefined || !sameLog) return { position };
      const verdict = accept(cursor.seq, frame);
      if (verdict.kind === 'repeat') return { position };
      if (verdict.kind === 'gap') {
        // Once is enough: the answer to the first request covers all that follows.
        return position.asked ? { position } : { position: { ...position, gap: true, asked: true }, resubscribe: true };
      }
      return { position: { ...position, cursor: { epoch, seq: verdict.cursor }, gap: false }, events: verdict.events };
    }
  }
}

/** The connection has ended: the server's answer to the next subscription tells the head anew. */
export function detached(position: Position): Position {
  return { ...position, head: undefined, asked: false };
}

/** The server has answered the subscription. */
export function attached(position: Position, head: number | undefined): Position {
  return { ...position, head: head ?? position.cursor?.seq ?? 0, asked: false };
}
