import type { Database } from 'better-sqlite3';
import type { LeaseKey, LeaseRow } from './store.ts';

/** The table leases. */
export function sqliteLeases(db: Database) {
  const put = db.prepare(
    'INSERT OR REPLACE INTO leases (run, node, attempt, worker, boot, expires) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const release = db.prepare('DELETE FROM leases WHERE run = ? AND node = ?');
  const end = db
    .prepare<[number, string, number], number>('SELECT expires FROM leases WHERE run = ? AND node = ? AND attempt = ?')
    .pluck();
  const renew = db.prepare(
    `UPDATE leases SET expires = ? WHERE run = (SELECT id FROM runs WHERE tenant = ? AND run = ?)
     AND node = ? AND attempt = ? AND worker = ?`,
  );
  const list = db.prepare<[{ expiredAt: number; boot: string | null; worker: string | null; limit: number }], LeaseRow>(
    `SELECT r.tenant, r.run, l.node, l.attempt, l.worker, l.boot, l.expires
     FROM leases l INDEXED BY leases_by_end JOIN runs r ON r.id = l.run
     WHERE l.expires <= @expiredAt AND (@boot IS NULL OR l.boot = @boot) AND (@worker IS NULL OR l.worker = @worker)
     ORDER BY l.expires LIMIT @limit`,
  );

  return {
    put(run: number, { node, attempt, worker, boot, expires }: LeaseRow): void {
      put.run(run, node, attempt, worker, boot, expires);
    },

    release(run: number, node: string): void {
      release.run(run, node);
    },

    expired(run: number | undefined, node: string, attempt: number, at: number): boolean {
      const expires = run === undefined ? undefined : end.get(run, node, attempt);
      return expires !== undefined && expires <= at;
    },

    renew(worker: string, { tenant, run, node, attempt }: LeaseKey, expires: number): boolean {
      return renew.run(expires, tenant, run, node, attempt, worker).changes > 0;
    },

    list(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): LeaseRow[] {
      const { expiredAt = Number.MAX_SAFE_INTEGER, boot = null, worker = null, limit } = query;
      return list.all({ expiredAt, boot, worker, limit });
    },
  };
}
