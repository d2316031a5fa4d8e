import { zstdDecompressSync } from 'node:zlib';
import type { Database } from 'better-sqlite3';
import type { LogPage, PageLimit } from './store.ts';
import { BETWEEN, type Head, type TailText } from './store-sqlite-heads.ts';

/** A chunk is closed when it has this length. */
export const CHUNK = 64 * 1024;

export interface Chunk {
  seq: number;
  through: number;
  /** '' none, '*' all, or the places from 0 of the control events */
  controls: string;
  text: string | Buffer;
}

/** The table chunks, and what of a log is not in it yet. */
export function sqliteChunks(db: Database) {
  const insert = db.prepare('INSERT INTO chunks (run, seq, through, controls, text) VALUES (?, ?, ?, ?, ?)');
  const from = db.prepare<[number, number, number], Chunk>(
    `SELECT seq, through, controls, text FROM chunks
     WHERE run = ? AND seq >= (SELECT max(seq) FROM chunks WHERE run = ? AND seq <= ?) ORDER BY seq`,
  );
  const withControl = db.prepare<[number, number, number], Chunk>(
    `SELECT seq, through, controls, text FROM chunks
     WHERE run = ? AND seq >= (SELECT max(seq) FROM chunks WHERE run = ? AND seq <= ?) AND controls <> '' ORDER BY seq`,
  );

  /** The chunks that hold `seq` and what follows, then the tail. */
  function* pieces(head: Head, seq: number, stored: typeof from): Generator<TailText> {
    if (seq <= head.stored) for (const chunk of stored.iterate(head.id, head.id, seq)) yield pieceOf(chunk);
    for (const piece of head.late?.tail ?? []) if (piece.seq + piece.count > seq) yield piece;
  }

  return {
    put(run: number, { seq, through, controls, text }: Chunk): void {
      insert.run(run, seq, through, controls, text);
    },

    page(head: Head, after: number, limit: PageLimit): LogPage {
      const page = new PageText(limit);
      read: for (const { seq, text } of pieces(head, after + 1, from)) {
        const skip = Math.max(0, after + 1 - seq);
        for (const event of eventsOf(text, skip)) if (!page.add(event)) break read;
        if (page.full) break;
      }
      return pageOf(head, after, after + page.count, page);
    },

    controlPage(head: Head, after: number, limit: PageLimit): LogPage {
      const page = new PageText(limit);
      let through = after;
      read: for (const { seq: first, text, controls } of pieces(head, after + 1, withControl)) {
        const events = controls.some((seq) => seq > after) ? text.split(BETWEEN) : [];
        for (const seq of controls) {
          if (seq <= after) continue;
          if (!page.add(events[seq - first] as string)) break read;
          through = seq;
        }
        if (page.full) break;
      }
      // ctl is the last control event there is: having read it, nothing of this kind is left before the head.
      return pageOf(head, after, through < head.ctl ? through : Math.max(head.head, after), page);
    },
  };
}

/** Texts of events, the first `skip` left out. */
function eventsOf(text: string, skip: number): string[] {
  const events = text.split(BETWEEN);
  return skip === 0 ? events : events.slice(skip);
}

export function pieceOf({ seq, through, controls, text }: Chunk): TailText {
  const count = through - seq + 1;
  const plain = typeof text === 'string' ? text : zstdDecompressSync(text).toString();
  return { seq, count, text: plain, controls: controlSeqs(controls, seq, count) };
}

export function controlSeqs(controls: string, seq: number, count: number): number[] {
  if (controls === '') return [];
  if (controls === '*') return Array.from({ length: count }, (_, place) => seq + place);
  return controls.split(',').map((place) => seq + Number(place));
}

/** How a chunk that begins with `seq` says which of its events are control events. */
export function controlPlaces(seqs: readonly number[], seq: number, count: number): string {
  return seqs.length === count ? '*' : seqs.map((control) => control - seq).join(',');
}

/** Collects texts while they fit into a page; the first always does. */
class PageText {
  readonly #texts: string[] = [];
  readonly #limit: PageLimit;
  #size = 0;

  constructor(limit: PageLimit) {
    this.#limit = limit;
  }

  add(text: string): boolean {
    if (this.full) return false;
    this.#size += Buffer.byteLength(text) + (this.count > 0 ? 1 : 0);
    if (this.count > 0 && this.#size > this.#limit.bytes) return false;
    this.#texts.push(text);
    return true;
  }

  get full(): boolean {
    return this.count >= Math.max(1, this.#limit.events);
  }

  get count(): number {
    return this.#texts.length;
  }

  get text(): string {
    return this.#texts.join(',');
  }
}

function pageOf({ head, ctl, at, ended }: Head, after: number, through: number, { text, count }: PageText): LogPage {
  return { seq: after + 1, through, text, count, head, ctl, at, ended };
}
