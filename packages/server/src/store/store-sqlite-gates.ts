import type { Database } from 'better-sqlite3';
import type { Part, QueueRow, SlotChange } from './store.ts';

type Start = NonNullable<Part['starts']>[number];

/** What of a queue row decides whether there is room for it. */
export type Gated = Pick<QueueRow, 'tenant' | 'queue' | 'slots' | 'rate'>;

/** The tables slots and starts: how many of a key are under way, and how many began in a rate's window. */
export function sqliteGates(db: Database) {
  const used = db
    .prepare<[string, string, string], number>('SELECT used FROM slots WHERE tenant = ? AND queue = ? AND key = ?')
    .pluck();
  const moveSlot = db.prepare(
    `INSERT INTO slots (tenant, queue, key, used) VALUES (?, ?, ?, ?)
     ON CONFLICT (tenant, queue, key) DO UPDATE SET used = used + excluded.used`,
  );
  const freeSlot = db.prepare('DELETE FROM slots WHERE tenant = ? AND queue = ? AND key = ? AND used = 0');
  const count = db
    .prepare<[string, string, string, number], number>(
      'SELECT count(*) FROM starts WHERE tenant = ? AND queue = ? AND key = ? AND at > ?',
    )
    .pluck();
  const putStart = db.prepare('INSERT INTO starts (tenant, queue, key, at, until) VALUES (?, ?, ?, ?, ?)');
  const prune = db.prepare('DELETE FROM starts WHERE until <= ?');
  const next = db
    .prepare<[number], number>(
      `SELECT s.until FROM starts s INDEXED BY starts_by_end WHERE s.until > ? AND EXISTS (
         SELECT 1 FROM queue q INDEXED BY queue_rated
         WHERE q.tenant = s.tenant AND q.queue = s.queue AND q.gate ->> '$[2].key' = s.key)
       ORDER BY s.until LIMIT 1`,
    )
    .pluck();

  const slotsUsed = (tenant: string, queue: string, key: string): number => used.get(tenant, queue, key) ?? 0;
  const started = (tenant: string, queue: string, key: string, after: number): number =>
    count.get(tenant, queue, key, after) ?? 0;

  return {
    slotsUsed,

    /** Whether there is no room for what a part takes. */
    full(tenant: string, slots: readonly SlotChange[], starts: readonly Start[]): boolean {
      return (
        slots.some(({ queue, key, delta, limit }) => {
          if (delta <= 0 || limit === undefined) return false;
          const moves = slots.filter((move) => move.queue === queue && move.key === key);
          return moves.reduce((sum, move) => sum + move.delta, slotsUsed(tenant, queue, key)) > limit;
        }) ||
        starts.some(({ queue, key, limit, per, at }) => {
          const own = starts.filter((start) => start.queue === queue && start.key === key).length;
          return started(tenant, queue, key, at - per) + own > limit;
        })
      );
    },

    moveSlot(tenant: string, { queue, key, delta }: SlotChange): void {
      moveSlot.run(tenant, queue, key, delta);
      if (delta < 0) freeSlot.run(tenant, queue, key);
    },

    start(tenant: string, { queue, key, per, at }: Start): void {
      prune.run(at);
      putStart.run(tenant, queue, key, at, at + per);
    },

    /** When the next start leaves the window of a rate that queue rows wait for. */
    next: (now: number): number | undefined => next.get(now),

    /** What one claim may take; each key is counted once. */
    room(now: number) {
      const known = new Map<string, number>();
      const counted = (name: string, count: () => number): number => {
        const before = known.get(name) ?? count();
        known.set(name, before);
        return before;
      };
      const ofSlot = ({ tenant, queue }: Gated, key: string) => {
        const name = JSON.stringify([tenant, queue, key]);
        return { name, used: counted(name, () => slotsUsed(tenant, queue, key)) };
      };
      const ofRate = ({ tenant, queue }: Gated, { key, per }: NonNullable<QueueRow['rate']>) => {
        const name = JSON.stringify([tenant, queue, key, per]);
        return { name, used: counted(name, () => started(tenant, queue, key, now - per)) };
      };

      return {
        has: (row: Gated): boolean =>
          (row.slots ?? []).every(({ key, limit }) => ofSlot(row, key).used < limit) &&
          (!row.rate || ofRate(row, row.rate).used < row.rate.limit),

        take(row: Gated): void {
          const taken = (row.slots ?? []).map(({ key }) => ofSlot(row, key));
          if (row.rate) taken.push(ofRate(row, row.rate));
          for (const { name, used } of taken) known.set(name, used + 1);
        },
      };
    },
  };
}
