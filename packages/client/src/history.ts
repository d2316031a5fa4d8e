import { formatCursor } from '@millrace/protocol/cursor';
import type { RunEvent } from '@millrace/protocol/event';
import { type EventPage, passes, type RunFilter } from '@millrace/protocol/frame';

/** events of one piece */
const PIECE = 1_000;
/** pieces that are remembered, the ones used last */
const REMEMBERED = 50;

/** Reads a page of one run's log after a cursor. */
export type ReadPage = (after: string, limit: number) => Promise<EventPage>;

/**
 * Any stretch of one run's log, read when it is wanted. Events never change, so the log is read in pieces that are
 * remembered: scrolling to and fro reads nothing twice, and what is kept is bounded.
 */
export class History {
  readonly epoch: string;
  readonly #read: ReadPage;
  readonly #filter: RunFilter | undefined;
  readonly #pieces = new Map<number, Promise<readonly RunEvent[]>>();

  constructor(epoch: string, read: ReadPage, filter?: RunFilter) {
    this.epoch = epoch;
    this.#read = read;
    this.#filter = filter;
  }

  /** The events `from … through` that the filter shows, in order; fewer where the log ends before. */
  async range(from: number, through: number): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    const last = Math.ceil(through / PIECE) - 1;
    for (let piece = Math.floor((Math.max(1, from) - 1) / PIECE); piece <= last; piece++) {
      for (const event of await this.#piece(piece)) if (event.seq >= from && event.seq <= through) events.push(event);
    }
    const filter = this.#filter;
    return filter ? events.filter((event) => passes(event, filter)) : events;
  }

  #piece(piece: number): Promise<readonly RunEvent[]> {
    const known = this.#pieces.get(piece) ?? this.#load(piece);
    this.#pieces.delete(piece);
    this.#pieces.set(piece, known);
    const [oldest] = this.#pieces.keys();
    if (this.#pieces.size > REMEMBERED && oldest !== undefined) this.#pieces.delete(oldest);
    return known;
  }

  /** A piece that the log has not filled yet, or that could not be read, is not remembered. */
  #load(piece: number): Promise<readonly RunEvent[]> {
    const loading = this.#fill(piece).then(
      ({ events, isWhole }) => {
        if (!isWhole && this.#pieces.get(piece) === loading) this.#pieces.delete(piece);
        return events;
      },
      (error: unknown) => {
        if (this.#pieces.get(piece) === loading) this.#pieces.delete(piece);
        throw error;
      },
    );
    return loading;
  }

  /** A page may be shorter than was asked for: it is bounded in bytes too. */
  async #fill(piece: number): Promise<{ events: RunEvent[]; isWhole: boolean }> {
    const events: RunEvent[] = [];
    const through = (piece + 1) * PIECE;
    let at = piece * PIECE;
    while (at < through) {
      const page = await this.#read(formatCursor(this.epoch, at), through - at);
      events.push(...page.events);
      if (page.through <= at || (page.through < through && page.through >= page.head))
        return { events, isWhole: false };
      at = page.through;
    }
    return { events, isWhole: true };
  }
}
