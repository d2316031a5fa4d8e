import type { Database } from 'better-sqlite3';
import type { ScheduleRow } from './store.ts';
import { present } from './store-sqlite-row.ts';

interface StoredSchedule {
  id: string;
  text: string;
  enabled: number;
  nextAt: number | null;
  lastRun: string | null;
  lastAt: number | null;
}

const FIELDS = 'id, text, enabled, next_at AS nextAt, last_run AS lastRun, last_at AS lastAt';

/** The table schedules. */
export function sqliteSchedules(db: Database) {
  const put = db.prepare(
    `INSERT OR REPLACE INTO schedules (tenant, id, text, enabled, next_at, last_run, last_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const find = db.prepare<[string, string], StoredSchedule>(
    `SELECT ${FIELDS} FROM schedules WHERE tenant = ? AND id = ?`,
  );
  const list = db.prepare<[string], StoredSchedule>(`SELECT ${FIELDS} FROM schedules WHERE tenant = ? ORDER BY id`);
  const drop = db.prepare('DELETE FROM schedules WHERE tenant = ? AND id = ?');

  return {
    put(tenant: string, { id, text, enabled, nextAt, lastRun, lastAt }: ScheduleRow): void {
      put.run(tenant, id, text, enabled ? 1 : 0, nextAt ?? null, lastRun ?? null, lastAt ?? null);
    },

    find(tenant: string, id: string): ScheduleRow | undefined {
      const found = find.get(tenant, id);
      return found && rowOf(found);
    },

    list: (tenant: string): ScheduleRow[] => list.all(tenant).map(rowOf),

    drop: (tenant: string, id: string): boolean => drop.run(tenant, id).changes > 0,
  };
}

const rowOf = ({ enabled, ...row }: StoredSchedule): ScheduleRow => ({ ...present(row), enabled: enabled === 1 });
