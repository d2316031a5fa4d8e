import type { Database } from 'better-sqlite3';
import type { RunKey } from './store.ts';

/** So many events go in one transaction; it takes some 10 ms. */
const STEP = 5_000;

/** Tables in which a run's rows stand under its number. */
const NUMBERED = ['heads', 'snapshots', 'producers', 'queue', 'leases'] as const;
/** Tables that name runs by their ids. */
const NAMED = ['uniques', 'due', 'waits', 'grants'] as const;

/** The table deleted, and how runs get there: at once for whoever asks, and chunk by chunk on the disk. */
export function sqliteDeleted(db: Database) {
  const has = db.prepare<[string, string], number>('SELECT 1 FROM deleted WHERE tenant = ? AND run = ?').pluck();
  const find = db.prepare<[string, string], { id: number; head: number; hold: number; summary: string }>(
    `SELECT r.id, h.head, r.hold, r.summary FROM runs r JOIN heads h ON h.run = r.id WHERE r.tenant = ? AND r.run = ?`,
  );
  const hold = db.prepare('UPDATE runs SET hold = ? WHERE tenant = ? AND run = ?');
  const dropRun = db.prepare('DELETE FROM runs WHERE id = ?');
  const dropTag = db.prepare('DELETE FROM run_tags WHERE tenant = ? AND tag = ? AND run = ?');
  const numbered = NUMBERED.map((table) => db.prepare(`DELETE FROM ${table} WHERE run = ?`));
  const named = NAMED.map((table) => db.prepare(`DELETE FROM ${table} WHERE tenant = ? AND run = ?`));
  const put = db.prepare('INSERT INTO deleted (id, tenant, run, remaining) VALUES (?, ?, ?, ?)');
  const unfinished = db.prepare<[], { id: number; remaining: number }>(
    'SELECT id, remaining FROM deleted INDEXED BY deleted_unfinished WHERE remaining > 0 ORDER BY id LIMIT 1',
  );
  const dropEvents = db.prepare('DELETE FROM chunks WHERE run = ? AND seq > ?');
  const progress = db.prepare('UPDATE deleted SET remaining = ? WHERE id = ?');
  const free = db.prepare<[], number>('PRAGMA freelist_count').pluck();

  // One process owns the folder: where nothing was deleted, creating a run need not ask.
  let some = db.prepare('SELECT 1 FROM deleted LIMIT 1').get() !== undefined;

  return {
    has: ({ tenant, run }: RunKey): boolean => some && has.get(tenant, run) !== undefined,

    hold: ({ tenant, run }: RunKey, on: boolean): boolean => hold.run(on ? 1 : 0, tenant, run).changes > 0,

    /** Everything but the chunks, which `sweep` removes. */
    bury(key: RunKey): boolean {
      const { tenant, run } = key;
      const found = find.get(tenant, run);
      if (!found || found.hold === 1) return false;
      const { id, head, summary } = found;
      for (const tag of (JSON.parse(summary) as { tags: string[] }).tags) dropTag.run(tenant, tag, id);
      dropRun.run(id);
      for (const drop of numbered) drop.run(id);
      for (const drop of named) drop.run(tenant, run);
      put.run(id, tenant, run, head);
      some = true;
      return true;
    },

    /** Removes some of the events of deleted runs, the last ones first; false = none is left. */
    sweep(): boolean {
      const next = unfinished.get();
      if (!next) return false;
      const remaining = Math.max(0, next.remaining - STEP);
      dropEvents.run(next.id, remaining);
      progress.run(remaining, next.id);
      return remaining > 0 || unfinished.get() !== undefined;
    },

    /** Moves up to so many free pages to the end of the file and cuts them off; answers how many are left. */
    vacuum(pages: number): number {
      db.pragma(`incremental_vacuum(${Math.max(1, Math.floor(pages))})`);
      return free.get() ?? 0;
    },
  };
}
