import type { Database } from 'better-sqlite3';
import type { LeaseRow, QueueRow, RunRowChange } from './store.ts';
import { BETWEEN } from './store-sqlite-heads.ts';

/** What a commit changed of one run that the run's tables do not show yet. */
export interface Entry {
  run: number;
  /** of a new run */
  key?: [tenant: string, run: string];
  /** of the first of its events */
  seq: number;
  count: number;
  at: number;
  /** seqs of the control events */
  controls?: number[];
  row?: RunRowChange;
  producers?: [id: string, term: number, sequence: number, seq: number][];
  dequeueAll?: true;
  dequeue?: string[];
  enqueue?: [place: number, row: QueueRow][];
  release?: string[];
  lease?: LeaseRow[];
}

/** An entry with the texts of its events, joined by {@link BETWEEN}. */
export interface EntryText {
  entry: Entry;
  text: string;
}

/** The table journal: what makes a commit durable before the tables of its runs are written. */
export function sqliteJournal(db: Database) {
  const last = db.prepare<[], number | null>('SELECT max(n) FROM journal').pluck();
  const insert = db.prepare('INSERT INTO journal (n, entries, text) VALUES (?, ?, ?)');
  const all = db.prepare<[], { n: number; entries: string; text: string }>(
    'SELECT n, entries, text FROM journal ORDER BY n',
  );
  const trim = db.prepare('DELETE FROM journal WHERE n < ?');
  let kept = 0;

  return {
    /** The newest row is never trimmed away, so numbers go on after a restart. */
    last: (): number => last.get() ?? 0,

    /** Answers the parts' texts, cut from the row's: to keep that one is less work than to keep each, put together of many. */
    append(n: number, parts: readonly EntryText[]): string[] {
      const entries = JSON.stringify(parts.map(({ entry }) => entry));
      const texts = parts.filter(({ entry }) => entry.count > 0).map(({ text }) => text);
      const all = texts.join(BETWEEN);
      insert.run(n, entries, all);
      let next = 0;
      return parts.map(({ entry, text }) => {
        if (entry.count === 0) return '';
        const start = next;
        next = start + text.length + BETWEEN.length;
        return all.slice(start, start + text.length);
      });
    },

    *replay(): Generator<EntryText & { n: number }> {
      for (const { n, entries, text } of all.all()) {
        const texts = text.split(BETWEEN);
        let place = 0;
        for (const entry of JSON.parse(entries) as Entry[]) {
          yield { n, entry, text: texts.slice(place, place + entry.count).join(BETWEEN) };
          place += entry.count;
        }
      }
    },

    /** Rows before `since` go, but for the newest one. */
    trim(since: number): void {
      if (since <= kept) return;
      trim.run(since);
      kept = since;
    },
  };
}
