import { hash } from 'node:crypto';
import type { RunEvent, RunFilter } from '@millrace/protocol';

/**
 * What one connection was sent of one run, before any code of the client's has looked at it: from a subscription, a
 * stream's first byte or a page's request to its end.
 */
export interface Stretch {
  client: number;
  transport: 'websocket' | 'sse' | 'page';
  run: string;
  filter?: RunFilter;
  /** the seq of the cursor that it was asked from; undefined = it begins with a snapshot */
  after?: number;
  pieces: Piece[];
}

export type Piece =
  | { kind: 'snapshot'; seq: number }
  | { kind: 'gap'; requested: string; latest: number }
  | { kind: 'range'; seq: number; through: number; events: [seq: number, print: string][] };

/** What tells an event from every other one: two of equal print have the same text. */
export function printOf(event: RunEvent): string {
  return hash('sha256', JSON.stringify(event), 'base64').slice(0, 12);
}

export function rangePiece(seq: number, through: number, events: readonly RunEvent[]): Piece {
  return { kind: 'range', seq, through, events: events.map((event) => [event.seq, printOf(event)]) };
}
