import type { Database } from 'better-sqlite3';
import type { RunKey } from './store.ts';
import { type Head, newHead, RecentHeads } from './store-sqlite-heads.ts';
import { LateRuns } from './store-sqlite-late.ts';

interface StoredHead extends Omit<Head, 'ended' | 'stored' | 'settled' | 'late' | 'producers' | 'fresh'> {
  ended: number;
  n: number;
}

const FIELDS = 'r.id, r.tenant, r.run, h.head, h.ctl, h.at, h.ended, h.n, r.status, r.shown';
const ASCII = /^[\x20-\x7e]*$/;

/** Where each run's log ends: in memory for the runs that were used last, else in the table heads. */
export function sqlitePlaces(db: Database) {
  const find = db.prepare<[string, string], StoredHead>(
    `SELECT ${FIELDS} FROM runs r JOIN heads h ON h.run = r.id WHERE r.tenant = ? AND r.run = ?`,
  );
  const findByNumber = db.prepare<[number], StoredHead>(
    `SELECT ${FIELDS} FROM runs r JOIN heads h ON h.run = r.id WHERE r.id = ?`,
  );
  const key = db.prepare<[number], RunKey>('SELECT tenant, run FROM runs WHERE id = ?');
  const newest = db
    .prepare<[], number>(
      'SELECT max(coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(id) FROM deleted), 0))',
    )
    .pluck();
  const greatest = db
    .prepare<[string, string], string | null>(
      `SELECT max(coalesce((SELECT max(run) FROM runs WHERE tenant = ?), ''),
                  coalesce((SELECT max(run) FROM deleted WHERE tenant = ?), ''))`,
    )
    .pluck();
  const put = db.prepare(
    `INSERT INTO heads (run, head, ctl, at, ended, n, loose) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (run) DO UPDATE SET head = excluded.head, ctl = excluded.ctl, at = excluded.at,
       ended = excluded.ended, n = excluded.n, loose = loose + excluded.loose`,
  );
  const advance = db.prepare('UPDATE heads SET head = ?, loose = loose + ? WHERE run = ?');
  const late = new LateRuns();
  let recent = new RecentHeads();
  /** A number is never used twice, because old rows of commits name runs by it. */
  let number = newest.get() ?? 0;
  /** by tenant, the greatest id of a run that ever was */
  const tops = new Map<string, string>();

  const topOf = (tenant: string): string => {
    const top = tops.get(tenant) ?? greatest.get(tenant, tenant) ?? '';
    tops.set(tenant, top);
    return top;
  };
  const keep = (found: StoredHead): Head => {
    const { ended, n, ...place } = found;
    return recent.keep(newHead(place, { ...place, ended: ended === 1, stored: place.head, settled: n }));
  };

  return {
    late,

    /** The one object that stands for the run: whoever appends moves it along. */
    find(key: RunKey): Head | undefined {
      const known = late.find(key) ?? recent.get(key);
      if (known) return known;
      const found = find.get(key.tenant, key.run);
      return found && keep(found);
    },

    byNumber(id: number): Head | undefined {
      const known = late.byNumber(id) ?? recent.byNumber(id);
      if (known) return known;
      const found = findByNumber.get(id);
      return found && keep(found);
    },

    key(id: number): RunKey | undefined {
      const known = late.byNumber(id) ?? recent.byNumber(id);
      return known ? { tenant: known.tenant, run: known.run } : key.get(id);
    },

    nextNumber(): number {
      number += 1;
      return number;
    },

    /** Whether no run of the tenant can have this id, because all are smaller: ids grow with time, where they can. */
    isNewest({ tenant, run }: RunKey): boolean {
      return run > topOf(tenant) && ASCII.test(run);
    },

    /** A run that was created: from here on it is found. */
    enter(head: Head): void {
      number = Math.max(number, head.id);
      if (head.run > topOf(head.tenant)) tops.set(head.tenant, head.run);
      recent.keep(head);
    },

    /** Writes the run's place as of commit `n`; `loose`: the length of the text that came to its chunks. */
    settle({ id, stored, ctl, at, ended }: Head, n: number, loose: number): void {
      put.run(id, stored, ctl, at, ended ? 1 : 0, n, loose);
    },

    /** More of the run's log is in chunks; its other rows stay as they were. */
    advance({ id, stored }: Head, loose: number): void {
      advance.run(stored, loose, id);
    },

    /** Its tables show everything. One that has ended is hardly asked for again. */
    leave(head: Head): void {
      late.leave(head);
      if (head.ended) recent.drop(head);
    },

    /** After a deletion. */
    drop(head: Head): void {
      late.leave(head);
      recent.drop(head);
    },

    /** All that is in memory, because a transaction failed that had moved it along. */
    forget(): void {
      for (const head of [...late.all]) late.leave(head);
      recent = new RecentHeads();
      tops.clear();
    },
  };
}
