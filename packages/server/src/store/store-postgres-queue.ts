import type { ClaimRequest, QueueRow } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn, shortName } from './store-postgres-names.ts';

interface StoredRow extends Omit<QueueRow, 'version' | 'slots' | 'rate'> {
  place: number;
  version: string | null;
}

type Gates = Pick<QueueRow, 'slots' | 'rate'>;

interface GatedRow extends StoredRow {
  gates: string;
  /** how many are taken of each slot's key, in their order */
  used: number[];
  /** how many starts are in the rate's window */
  started: number;
}

/** ms for which rows that were shown to one server are not shown to others: it is about to claim them. */
const OFFER = 1_000;

const FIELDS = 'q.place, q.tenant, r.run, q.node, q.task, q.version, q.queue, q.priority, q.at';
const ASKED = `q.tenant = $1 AND q.task = asked.task AND q.at <= $4
  AND (q.version IS NULL OR asked.versions ? q.version) AND ($3::text[] IS NULL OR q.queue = ANY ($3))`;
const FREE = '(q.offered_to IS NULL OR q.offered_to = $6 OR q.offered_until <= $4)';

const walk = (which: string) => `
  SELECT w.* FROM asked CROSS JOIN LATERAL (
    SELECT q.run, q.node, q.place, q.priority FROM millrace.queue q WHERE ${which} AND ${ASKED} AND ${FREE}
    ORDER BY q.priority DESC, q.place LIMIT $5 FOR UPDATE SKIP LOCKED
  ) AS w`;

/**
 * Two walks, so that a claim steps over no row that is delayed. What is found is offered to this server for a moment:
 * others get the next rows, and nobody waits for anybody. A row that is neither claimed nor asked for again is free
 * when the moment is over.
 */
const CLAIMABLE = `
  WITH asked AS (SELECT * FROM jsonb_to_recordset($2::jsonb) AS t(task text, versions jsonb)),
  ready AS (${walk('NOT q.delayed AND q.gate IS NULL')}),
  late AS (${walk('q.delayed AND q.gate IS NULL')}),
  found AS (
    SELECT f.run, f.node FROM (SELECT * FROM ready UNION ALL SELECT * FROM late) AS f
    ORDER BY f.priority DESC, f.place LIMIT $5
  ),
  offered AS (
    UPDATE millrace.queue q SET offered_to = $6, offered_until = $4::float8 + ${OFFER} FROM found f
    WHERE q.run = f.run AND q.node = f.node
      AND (q.offered_to IS DISTINCT FROM $6 OR q.offered_until <= $4::float8 + ${OFFER / 2})
  )
  SELECT ${FIELDS}, EXISTS (
    SELECT 1 FROM asked JOIN millrace.queue g ON g.tenant = $1 AND g.task = asked.task AND g.gate IS NOT NULL
  ) AS gated, set_config('synchronous_commit', 'off', true)
  FROM (SELECT) AS one LEFT JOIN found f ON true
  LEFT JOIN millrace.queue q ON q.run = f.run AND q.node = f.node LEFT JOIN millrace.runs r ON r.id = q.run`;

/** Rows of every open gate, as many as may be given of each, with what is taken of what they wait for. */
const GATED = `
  WITH RECURSIVE asked AS (SELECT * FROM jsonb_to_recordset($2::jsonb) AS t(task text, versions jsonb)),
  gate AS (
    SELECT asked.task, asked.versions, (
      SELECT min(q.gate) FROM millrace.queue q WHERE q.tenant = $1 AND q.task = asked.task AND q.gate IS NOT NULL
    ) AS gate FROM asked
    UNION ALL
    SELECT gate.task, gate.versions, (
      SELECT min(q.gate) FROM millrace.queue q WHERE q.tenant = $1 AND q.task = gate.task AND q.gate > gate.gate
    ) FROM gate WHERE gate.gate IS NOT NULL
  )
  SELECT ${FIELDS}, q.gates, taken.used, taken.started
  FROM gate AS asked
  CROSS JOIN LATERAL (
    SELECT o.queue, o.gates::jsonb AS gates FROM millrace.queue o
    WHERE o.tenant = $1 AND o.task = asked.task AND o.gate = asked.gate LIMIT 1
  ) AS about
  CROSS JOIN LATERAL (
    SELECT
      ARRAY(
        SELECT coalesce((
          SELECT k.used FROM millrace.slots k WHERE k.tenant = $1 AND k.queue = about.queue AND k.key = s.short
        ), 0)::float8
        FROM jsonb_to_recordset(about.gates->'slots') AS s(short text)
      ) AS used,
      (
        SELECT count(*) FROM millrace.starts k
        WHERE k.tenant = $1 AND k.queue = about.queue AND k.key = about.gates->'rate'->>'short'
          AND k.at > $4 - (about.gates->'rate'->>'per')::float8
      ) AS started
  ) AS taken
  CROSS JOIN LATERAL (
    SELECT q.* FROM millrace.queue q WHERE q.gate = asked.gate AND ${ASKED}
    ORDER BY q.priority DESC, q.place LIMIT $5
  ) AS q
  JOIN millrace.runs r ON r.id = q.run
  WHERE asked.gate IS NOT NULL
    AND NOT EXISTS (
      SELECT 1 FROM unnest(taken.used) WITH ORDINALITY AS u(used, n)
      WHERE u.used >= (about.gates->'slots'->(u.n::int - 1)->>'limit')::float8)
    AND (about.gates->'rate' IS NULL OR taken.started < (about.gates->'rate'->>'limit')::float8)`;

/** The tables queue, slots and starts. `server`: who is offered what this claims. */
export function postgresQueue({ query }: PostgresConnection, server: string) {
  return {
    async claimable(request: ClaimRequest): Promise<QueueRow[]> {
      const { tenant, tasks, queues, now, limit } = request;
      const versions = new Map<string, string[]>();
      for (const { name, version } of tasks) {
        const known = versions.get(name) ?? [];
        versions.set(name, version === undefined ? known : [...known, nameIn(version)]);
      }
      const asked = JSON.stringify([...versions].map(([task, known]) => ({ task: nameIn(task), versions: known })));
      const values = [nameIn(tenant), asked, queues?.map(nameIn) ?? null, now, limit];
      const found = await query<StoredRow & { gated: boolean }>(CLAIMABLE, [...values, server]);
      const rows: (StoredRow | GatedRow)[] = found.filter(({ place }) => place !== null);
      if (found[0]?.gated) rows.push(...(await query<GatedRow>(GATED, values)));
      return choose(
        rows.sort((a, b) => b.priority - a.priority || a.place - b.place),
        limit,
      );
    },

    async next(now: number): Promise<number | undefined> {
      const [found] = await query<{ at: number | null }>(
        `SELECT least(
           (SELECT min(q.at) FROM millrace.queue q WHERE q.delayed AND q.at > $1),
           (SELECT s.until FROM millrace.starts s WHERE s.until > $1 AND EXISTS (
              SELECT 1 FROM millrace.queue q WHERE q.tenant = s.tenant AND q.queue = s.queue AND q.rate = s.key)
            ORDER BY s.until LIMIT 1)) AS at`,
        [now],
      );
      return found?.at ?? undefined;
    },

    async slotsUsed(tenant: string, queue: string, key: string): Promise<number> {
      const [found] = await query<{ used: number }>(
        'SELECT used FROM millrace.slots WHERE tenant = $1 AND queue = $2 AND key = $3',
        [nameIn(tenant), nameIn(queue), shortName(key)],
      );
      return found?.used ?? 0;
    },
  };
}

/** The first rows that may all be claimed: one that would take a slot too many is left out. */
function choose(rows: readonly (StoredRow | GatedRow)[], limit: number): QueueRow[] {
  const taken = new Map<string, number>();
  const given: QueueRow[] = [];
  for (const stored of rows) {
    if (given.length >= limit) break;
    if (!('gates' in stored)) {
      given.push(rowOf(stored));
      continue;
    }
    const { gates, used, started, ...plain } = stored;
    const { slots, rate } = JSON.parse(gates) as Gates;
    const takes = (slots ?? []).map(({ key, limit: most }, n) => ({
      key: `slot/${plain.queue}/${key}`,
      most,
      used: used[n] ?? 0,
    }));
    if (rate) takes.push({ key: `rate/${plain.queue}/${rate.key}/${rate.per}`, most: rate.limit, used: started });
    if (takes.some((one) => one.used + (taken.get(one.key) ?? 0) >= one.most)) continue;
    for (const { key } of takes) taken.set(key, (taken.get(key) ?? 0) + 1);
    given.push({ ...rowOf(plain), ...(slots ? { slots: slots.map(shown) } : {}), ...(rate ? { rate } : {}) });
  }
  return given;
}
