import type { Database } from 'better-sqlite3';
import type { ClaimRequest, QueueRow, SlotChange } from './store.ts';

type StoredRow = Omit<QueueRow, 'version'> & { place: number; version: string | null };

/** Of one task; everything else that a claim asks for. */
interface Claim {
  tenant: string;
  task: string;
  version: string | null;
  /** JSON array; null = every queue */
  queues: string | null;
  now: number;
  limit: number;
}

const CLAIMABLE = (index: string, delayed: 0 | 1) => `
  SELECT q.place, q.tenant, r.run, q.node, q.task, q.version, q.queue, q.priority, q.at
  FROM queue q INDEXED BY ${index} JOIN runs r ON r.id = q.run
  WHERE q.delayed = ${delayed} AND q.tenant = @tenant AND q.task = @task AND q.at <= @now
    AND (q.version IS NULL OR q.version = @version)
    AND (@queues IS NULL OR q.queue IN (SELECT value FROM json_each(@queues)))
  ORDER BY q.priority DESC, q.place LIMIT @limit`;

/** The tables queue and slots. */
export function sqliteQueue(db: Database) {
  const put = db.prepare(
    `INSERT OR REPLACE INTO queue (tenant, run, node, task, version, queue, priority, at, delayed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const drop = db.prepare('DELETE FROM queue WHERE run = ? AND node = ?');
  const dropAll = db.prepare('DELETE FROM queue WHERE run = ?');
  // Two walks, so that a claim steps over none of the rows that are delayed into the future.
  const ready = db.prepare<[Claim], StoredRow>(CLAIMABLE('queue_ready', 0));
  const delayed = db.prepare<[Claim], StoredRow>(CLAIMABLE('queue_delayed', 1));
  const next = db.prepare<[number], number | null>('SELECT min(at) FROM queue WHERE delayed = 1 AND at > ?').pluck();
  const slot = db
    .prepare<[string, string, string], number>('SELECT used FROM slots WHERE tenant = ? AND queue = ? AND key = ?')
    .pluck();
  const moveSlot = db.prepare(
    `INSERT INTO slots (tenant, queue, key, used) VALUES (?, ?, ?, ?)
     ON CONFLICT (tenant, queue, key) DO UPDATE SET used = used + excluded.used`,
  );
  const freeSlot = db.prepare('DELETE FROM slots WHERE tenant = ? AND queue = ? AND key = ? AND used = 0');

  return {
    put(run: number, row: QueueRow, now: number): void {
      const { tenant, node, task, version = null, queue, priority, at } = row;
      put.run(tenant, run, node, task, version, queue, priority, at, at > now ? 1 : 0);
    },

    drop(run: number, node: string): void {
      drop.run(run, node);
    },

    dropAll(run: number): void {
      dropAll.run(run);
    },

    claimable({ tenant, tasks, queues, now, limit }: ClaimRequest): QueueRow[] {
      const found = new Map<number, StoredRow>();
      for (const { name, version = null } of tasks) {
        const claim = { tenant, task: name, version, queues: queues ? JSON.stringify(queues) : null, now, limit };
        for (const row of ready.all(claim)) found.set(row.place, row);
        for (const row of delayed.all(claim)) found.set(row.place, row);
      }
      const rows = [...found.values()].sort((a, b) => b.priority - a.priority || a.place - b.place);
      return rows
        .slice(0, limit)
        .map(({ place: _place, version, ...row }) => (version === null ? row : { ...row, version }));
    },

    next: (now: number): number | undefined => next.get(now) ?? undefined,

    slotsUsed: (tenant: string, queue: string, key: string): number => slot.get(tenant, queue, key) ?? 0,

    moveSlot(tenant: string, { queue, key, delta }: SlotChange): void {
      moveSlot.run(tenant, queue, key, delta);
      if (delta < 0) freeSlot.run(tenant, queue, key);
    },
  };
}
