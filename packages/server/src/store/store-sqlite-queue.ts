import type { Database } from 'better-sqlite3';
import type { ClaimRequest, QueueRow } from './store.ts';
import type { sqliteGates } from './store-sqlite-gates.ts';
import { YoungQueue, type YoungRow } from './store-sqlite-young-queue.ts';

interface StoredRow extends Omit<QueueRow, 'version' | 'slots' | 'rate' | 'run'> {
  place: number;
  /** the run's number */
  id: number;
  version: string | null;
  /** of rows that have one */
  gate?: string;
}

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

/** What rows with slots or a rate wait for; equal ones are all open or all closed. */
type Gate = [queue: string, slots: QueueRow['slots'] | null, rate: QueueRow['rate'] | null];

const CLAIMABLE = (index: string, which: string, more = '') => `
  SELECT q.place, q.run AS id, q.tenant, q.node, q.task, q.version, q.queue, q.priority, q.at${more}
  FROM queue q INDEXED BY ${index}
  WHERE ${which} AND q.tenant = @tenant AND q.task = @task AND q.at <= @now
    AND (q.version IS NULL OR q.version = @version)
    AND (@queues IS NULL OR q.queue IN (SELECT value FROM json_each(@queues)))
  ORDER BY q.priority DESC, q.place LIMIT @limit`;

/**
 * The table queue, and the rows that are not in it yet ({@link YoungQueue}). `nameOf` names runs by their numbers.
 */
export function sqliteQueue(
  db: Database,
  gates: ReturnType<typeof sqliteGates>,
  nameOf: (id: number) => string | undefined,
) {
  const young = new YoungQueue();
  const put = db.prepare(
    `INSERT OR REPLACE INTO queue (place, tenant, run, node, task, version, queue, priority, at, delayed, gate)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const drop = db.prepare('DELETE FROM queue WHERE run = ? AND node = ?');
  const dropAll = db.prepare('DELETE FROM queue WHERE run = ?');
  // Walks of their own, so that a claim steps over none of the rows that are delayed or wait behind a closed gate.
  const ready = db.prepare<[Claim], StoredRow>(CLAIMABLE('queue_ready', 'q.delayed = 0 AND q.gate IS NULL'));
  const delayed = db.prepare<[Claim], StoredRow>(CLAIMABLE('queue_delayed', 'q.delayed = 1 AND q.gate IS NULL'));
  const gated = db.prepare<[Claim & { gate: string }], StoredRow>(
    CLAIMABLE('queue_gated', 'q.gate = @gate', ', q.gate'),
  );
  // Most tasks have neither kind of row, and to learn that costs a thirtieth of a walk.
  const anyDelayed = db.prepare<[string, string, number], unknown>(
    `SELECT 1 FROM queue INDEXED BY queue_delayed
     WHERE tenant = ? AND task = ? AND at <= ? AND delayed = 1 AND gate IS NULL LIMIT 1`,
  );
  const anyGated = db.prepare<[string, string], unknown>(
    'SELECT 1 FROM queue INDEXED BY queue_gated WHERE tenant = ? AND task = ? AND gate IS NOT NULL LIMIT 1',
  );
  const nextGate = db
    .prepare<[string, string, string], string>(
      `SELECT gate FROM queue INDEXED BY queue_gated
       WHERE tenant = ? AND task = ? AND gate > ? AND gate IS NOT NULL ORDER BY gate LIMIT 1`,
    )
    .pluck();
  const next = db.prepare<[number], number | null>('SELECT min(at) FROM queue WHERE delayed = 1 AND at > ?').pluck();

  /** Rows of every open gate, as many as may be given of each. */
  function behindGates(claim: Claim, queues: readonly string[] | undefined): StoredRow[] {
    const { tenant, task, now } = claim;
    const found: StoredRow[] = [];
    for (let gate = nextGate.get(tenant, task, ''); gate !== undefined; gate = nextGate.get(tenant, task, gate)) {
      const about = gateOf(gate);
      const asked = !queues || queues.includes(about.queue);
      if (asked && gates.room(now).has({ tenant, ...about })) found.push(...gated.all({ ...claim, gate }));
    }
    return found;
  }

  function store(run: number, place: number, row: QueueRow, delayed: boolean): void {
    const { tenant, node, task, version = null, queue, priority, at, slots = null, rate = null } = row;
    const gate = slots || rate ? JSON.stringify([queue, slots, rate] satisfies Gate) : null;
    put.run(place, tenant, run, node, task, version, queue, priority, at, delayed ? 1 : 0, gate);
  }

  return {
    young,

    /** Whether the row is one for the young queue; any other is stored at once. */
    isPlain: ({ at, slots, rate }: QueueRow, now: number): boolean => at <= now && !slots && !rate,

    store(run: number, place: number, row: QueueRow, now: number): void {
      store(run, place, row, row.at > now);
    },

    /** Makes the table show the run's young rows. */
    settle(run: number): void {
      for (const { place, row } of young.of(run)) store(run, place, row, false);
      young.dropAll(run);
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
        for (const row of young.ready(claim, { ...(queues ? { queues } : {}), now, limit })) {
          found.set(row.place, storedOf(row));
        }
        for (const row of ready.all(claim)) found.set(row.place, row);
        if (anyDelayed.get(tenant, name, now)) for (const row of delayed.all(claim)) found.set(row.place, row);
        if (anyGated.get(tenant, name)) for (const row of behindGates(claim, queues)) found.set(row.place, row);
      }
      const rows = [...found.values()].sort((a, b) => b.priority - a.priority || a.place - b.place);
      const room = gates.room(now);
      const given: QueueRow[] = [];
      for (const stored of rows) {
        if (given.length >= limit) break;
        const run = nameOf(stored.id);
        if (run === undefined) continue;
        const row = rowOf(stored, run);
        if (stored.gate !== undefined) {
          if (!room.has(row)) continue;
          room.take(row);
        }
        given.push(row);
      }
      return given;
    },

    next(now: number): number | undefined {
      const times = [next.get(now), gates.next(now)].filter((at) => typeof at === 'number');
      return times.length > 0 ? Math.min(...times) : undefined;
    },
  };
}

function gateOf(gate: string): Pick<QueueRow, 'queue' | 'slots' | 'rate'> {
  const [queue, slots, rate] = JSON.parse(gate) as Gate;
  return { queue, ...(slots ? { slots } : {}), ...(rate ? { rate } : {}) };
}

function rowOf({ place: _place, id: _id, version, gate, ...row }: StoredRow, run: string): QueueRow {
  const versioned = version === null ? { ...row, run } : { ...row, run, version };
  return gate === undefined ? versioned : { ...versioned, ...gateOf(gate) };
}

function storedOf({ id, place, row }: YoungRow): StoredRow {
  const { run: _run, slots: _slots, rate: _rate, version = null, ...rest } = row;
  return { ...rest, id, place, version };
}
