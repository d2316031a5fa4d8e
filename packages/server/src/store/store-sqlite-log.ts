import type { Database } from 'better-sqlite3';
import { eventText, type LogPage, type PageLimit, type PartEvent, type Snapshot, type SnapshotKind } from './store.ts';
import type { Head } from './store-sqlite-heads.ts';

/** The tables events and snapshots. */
export function sqliteLog(db: Database) {
  const insert = db.prepare('INSERT INTO events (run, seq, control, text) VALUES (?, ?, ?, ?)');
  const read = db
    .prepare<[number, number, number], string>('SELECT text FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?')
    .pluck();
  const readControl = db.prepare<[number, number, number], { seq: number; text: string }>(
    `SELECT seq, text FROM events INDEXED BY control_by_seq
     WHERE control = 1 AND run = ? AND seq > ? ORDER BY seq LIMIT ?`,
  );
  const readSnapshot = db.prepare<[number, string, number], Snapshot>(
    'SELECT seq, fold, text FROM snapshots WHERE run = ? AND kind = ? AND fold = ?',
  );
  const writeSnapshot = db.prepare(
    `INSERT INTO snapshots (run, kind, seq, fold, text) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (run, kind) DO UPDATE SET seq = excluded.seq, fold = excluded.fold, text = excluded.text
     WHERE excluded.fold <> fold OR excluded.seq > seq`,
  );

  return {
    /** Writes events behind the head, and moves the given head along. */
    append(run: Head, events: readonly PartEvent[], at: number): void {
      run.at = Math.max(run.at, at);
      for (const { control, text } of events) {
        run.head += 1;
        if (control) run.ctl = run.head;
        insert.run(run.id, run.head, control ? 1 : 0, eventText(run.head, run.at, text));
      }
    },

    page(run: Head, after: number, limit: PageLimit): LogPage {
      const page = new PageText(limit);
      for (const text of read.iterate(run.id, after, Math.max(1, limit.events))) if (!page.add(text)) break;
      return pageOf(run, after, after + page.count, page);
    },

    controlPage(run: Head, after: number, limit: PageLimit): LogPage {
      const page = new PageText(limit);
      let through = after;
      for (const { seq, text } of readControl.iterate(run.id, after, Math.max(1, limit.events))) {
        if (!page.add(text)) break;
        through = seq;
      }
      // ctl is the last control event there is: having read it, nothing of this kind is left before the head.
      return pageOf(run, after, through < run.ctl ? through : Math.max(run.head, after), page);
    },

    readSnapshot: (run: Head, kind: SnapshotKind, fold: number): Snapshot | undefined =>
      readSnapshot.get(run.id, kind, fold),

    writeSnapshot(run: Head, kind: SnapshotKind, { seq, fold, text }: Snapshot): void {
      writeSnapshot.run(run.id, kind, seq, fold, text);
    },
  };
}

/** Collects texts while they fit into a page; the first always does. */
class PageText {
  readonly #texts: string[] = [];
  readonly #bytes: number;
  #size = 0;

  constructor({ bytes }: PageLimit) {
    this.#bytes = bytes;
  }

  add(text: string): boolean {
    this.#size += Buffer.byteLength(text) + (this.count > 0 ? 1 : 0);
    if (this.count > 0 && this.#size > this.#bytes) return false;
    this.#texts.push(text);
    return true;
  }

  get count(): number {
    return this.#texts.length;
  }

  get text(): string {
    return this.#texts.join(',');
  }
}

function pageOf({ head, ctl, at, ended }: Head, after: number, through: number, { text, count }: PageText): LogPage {
  return { seq: after + 1, through, text, count, head, ctl, at, ended: ended === 1 };
}
