import type { Database } from 'better-sqlite3';
import type { DueRow, RunKey } from './store.ts';

/** The table due. It names runs by their ids, because a run that is told something need not exist yet. */
export function sqliteDue(db: Database) {
  const put = db.prepare('INSERT OR REPLACE INTO due (tenant, run, key, at, command) VALUES (?, ?, ?, ?, ?)');
  const drop = db.prepare('DELETE FROM due WHERE tenant = ? AND run = ? AND key = ?');
  const dropAll = db.prepare('DELETE FROM due WHERE tenant = ? AND run = ?');
  const due = db.prepare<[number, number], DueRow>(
    'SELECT tenant, run, key, at, command FROM due WHERE at <= ? ORDER BY at, place LIMIT ?',
  );
  const next = db.prepare<[], number | null>('SELECT min(at) FROM due').pluck();

  return {
    put({ tenant, run, key, at, command }: DueRow): void {
      put.run(tenant, run, key, at, command);
    },

    drop({ tenant, run }: RunKey, key: string): void {
      drop.run(tenant, run, key);
    },

    dropAll({ tenant, run }: RunKey): void {
      dropAll.run(tenant, run);
    },

    list: (now: number, limit: number): DueRow[] => due.all(now, limit),

    next: (): number | undefined => next.get() ?? undefined,
  };
}
