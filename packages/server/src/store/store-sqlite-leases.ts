import type { Database } from 'better-sqlite3';
import type { LeaseKey, LeaseRow } from './store.ts';

interface StoredLease extends Omit<LeaseRow, 'tenant' | 'run'> {
  id: number;
  /** null = the run's own row is not written yet */
  tenant: string | null;
  run: string | null;
}

/** The leases of one run. */
interface Held {
  rows: Map<string, LeaseRow>;
  /** the table has rows of this run */
  stored: boolean;
}

/** All leases, in memory, because there are few at a time and most end soon; and the table that outlives the process. */
export function sqliteLeases(db: Database) {
  const put = db.prepare(
    'INSERT OR REPLACE INTO leases (run, node, attempt, worker, boot, expires) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const dropAll = db.prepare('DELETE FROM leases WHERE run = ?');
  const all = db.prepare<[], StoredLease>(
    `SELECT l.run AS id, r.tenant, r.run, l.node, l.attempt, l.worker, l.boot, l.expires FROM leases l
     LEFT JOIN runs r ON r.id = l.run`,
  );
  const held = new Map<number, Held>();
  const numbers = new Map<LeaseRow, number>();

  function of(run: number): Held {
    const known = held.get(run);
    if (known) return known;
    const made = { rows: new Map<string, LeaseRow>(), stored: false };
    held.set(run, made);
    return made;
  }

  function forget(run: number): void {
    for (const row of held.get(run)?.rows.values() ?? []) numbers.delete(row);
    held.delete(run);
  }

  function release(run: number, node: string): void {
    const rows = held.get(run)?.rows;
    const row = rows?.get(node);
    if (!rows || !row) return;
    numbers.delete(row);
    rows.delete(node);
  }

  function write(run: number, { node, attempt, worker, boot, expires }: LeaseRow): void {
    put.run(run, node, attempt, worker, boot, expires);
    of(run).stored = true;
  }

  return {
    /** Reads the table: what the memory held is forgotten. */
    load(): void {
      held.clear();
      numbers.clear();
      for (const { id, tenant, run, ...about } of all.all()) {
        const row = { tenant: tenant ?? '', run: run ?? '', ...about };
        of(id).stored = true;
        of(id).rows.set(row.node, row);
        if (tenant !== null) numbers.set(row, id);
      }
    },

    put(run: number, row: LeaseRow): void {
      release(run, row.node);
      const kept = { ...row };
      of(run).rows.set(row.node, kept);
      numbers.set(kept, run);
    },

    /** The lease as it was renewed since the journal told it: renewals go to the table at once. */
    renewed(run: number, row: LeaseRow): LeaseRow {
      const known = held.get(run)?.rows.get(row.node);
      const longer = known?.attempt === row.attempt && known.expires > row.expires;
      return longer ? { ...row, expires: known.expires } : row;
    },

    release,

    /** After a deletion. */
    forget,

    /** Makes the table show the run's leases. */
    settle(run: number): void {
      const leases = held.get(run);
      if (!leases) return;
      if (leases.stored) dropAll.run(run);
      for (const row of leases.rows.values()) write(run, row);
      leases.stored = leases.rows.size > 0;
      if (!leases.stored) held.delete(run);
    },

    expired(run: number, node: string, attempt: number, at: number): boolean {
      const row = held.get(run)?.rows.get(node);
      return row?.attempt === attempt && row.expires <= at;
    },

    renew(run: number | undefined, worker: string, { node, attempt }: LeaseKey, expires: number): boolean {
      const row = run === undefined ? undefined : held.get(run)?.rows.get(node);
      if (run === undefined || row?.attempt !== attempt || row.worker !== worker) return false;
      row.expires = expires;
      write(run, row);
      return true;
    },

    list({ expiredAt = Number.MAX_SAFE_INTEGER, boot, worker, limit }: LeaseQuery): LeaseRow[] {
      return [...numbers.keys()]
        .filter((row) => row.expires <= expiredAt)
        .filter((row) => (boot === undefined || row.boot === boot) && (worker === undefined || row.worker === worker))
        .sort((a, b) => a.expires - b.expires)
        .slice(0, limit)
        .map((row) => ({ ...row }));
    },
  };
}

interface LeaseQuery {
  expiredAt?: number;
  boot?: string;
  worker?: string;
  limit: number;
}
