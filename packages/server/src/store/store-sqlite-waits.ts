import type { Database } from 'better-sqlite3';
import type { RunKey, WaitQuery, WaitRow } from './store.ts';

type Listed = Omit<WaitQuery, 'before'> & NonNullable<WaitQuery['before']>;

/** The table waits: what somebody can answer, of all runs. */
export function sqliteWaits(db: Database) {
  const put = db.prepare(
    `INSERT OR REPLACE INTO waits (tenant, run, id, kind, workflow, owner, requested_at, text)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const drop = db.prepare('DELETE FROM waits WHERE tenant = ? AND run = ? AND id = ?');
  const dropAll = db.prepare('DELETE FROM waits WHERE tenant = ? AND run = ?');
  const select = (index: string, owner: string) =>
    db
      .prepare<[Listed], string>(
        `SELECT text FROM waits INDEXED BY ${index}
         WHERE tenant = @tenant ${owner} AND (requested_at, run, id) > (@requestedAt, @run, @id)
           AND (@kind IS NULL OR kind = @kind) AND (@workflow IS NULL OR workflow = @workflow)
         ORDER BY requested_at, run, id LIMIT @limit`,
      )
      .pluck();
  const all = select('waits_by_age', '');
  const owned = select('waits_by_owner', 'AND owner = @owner');

  return {
    put(row: WaitRow): void {
      const { tenant, run, id, kind, workflow, owner = null, requestedAt } = row;
      put.run(tenant, run, id, kind, workflow, owner, requestedAt, JSON.stringify(row));
    },

    drop({ tenant, run }: RunKey, id: string): void {
      drop.run(tenant, run, id);
    },

    dropAll({ tenant, run }: RunKey): void {
      dropAll.run(tenant, run);
    },

    list({ before, ...query }: WaitQuery): WaitRow[] {
      const { requestedAt, run, id } = before ?? { requestedAt: -1, run: '', id: '' };
      const listed = { ...EVERYBODY, ...query, requestedAt, run, id } as Listed;
      return (query.owner === undefined ? all : owned).all(listed).map((text) => JSON.parse(text) as WaitRow);
    },
  };
}

const EVERYBODY = { owner: null, kind: null, workflow: null };
