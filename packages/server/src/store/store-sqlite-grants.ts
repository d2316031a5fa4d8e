import type { Database } from 'better-sqlite3';
import type { GrantRow, RunKey } from './store.ts';

/** The table grants: scoped tokens, which can be revoked and spent. */
export function sqliteGrants(db: Database) {
  const put = db.prepare(
    'INSERT OR REPLACE INTO grants (tenant, id, run, expires, ended_at, text) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const find = db.prepare<[string, string], { text: string; endedAt: number | null }>(
    'SELECT text, ended_at AS endedAt FROM grants WHERE tenant = ? AND id = ?',
  );
  const open = db
    .prepare<[string, string, number], number>(
      'SELECT 1 FROM grants WHERE tenant = ? AND id = ? AND ended_at IS NULL AND expires > ?',
    )
    .pluck();
  const end = db.prepare(
    'UPDATE grants SET ended_at = ? WHERE tenant = ? AND id = ? AND ended_at IS NULL AND expires > ?',
  );
  const dropAll = db.prepare('DELETE FROM grants WHERE tenant = ? AND run = ?');

  return {
    put({ endedAt, ...grant }: GrantRow): void {
      put.run(grant.tenant, grant.id, grant.run ?? null, grant.expires, endedAt ?? null, JSON.stringify(grant));
    },

    find(tenant: string, id: string): GrantRow | undefined {
      const found = find.get(tenant, id);
      if (!found) return undefined;
      const grant = JSON.parse(found.text) as GrantRow;
      return found.endedAt === null ? grant : { ...grant, endedAt: found.endedAt };
    },

    open: (tenant: string, id: string, at: number): boolean => open.get(tenant, id, at) !== undefined,

    end: (tenant: string, id: string, at: number): boolean => end.run(at, tenant, id, at).changes > 0,

    dropAll({ tenant, run }: RunKey): void {
      dropAll.run(tenant, run);
    },
  };
}
