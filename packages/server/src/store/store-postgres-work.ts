import type { DueRow, LeaseKey, LeaseRow, RunKey, WaitQuery, WaitRow } from './store.ts';
import { numberArray, textArray } from './store-postgres-array.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn, shortName } from './store-postgres-names.ts';

/** The tables leases, due and waits. */
export function postgresWork({ query }: PostgresConnection) {
  return {
    async renewLeases(worker: string, leases: readonly LeaseKey[], expires: number): Promise<boolean[]> {
      const renewed = await query<{ n: number }>(
        `WITH asked AS (
           SELECT a.*, r.id FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
             WITH ORDINALITY AS a(tenant, run, node, attempt, n)
           JOIN millrace.runs r ON r.tenant = a.tenant AND r.run = a.run
         ), held AS (
           SELECT a.n, l.run, l.node FROM asked a
           JOIN millrace.leases l ON l.run = a.id AND l.node = a.node AND l.attempt = a.attempt AND l.worker = $5
           ORDER BY l.run, l.node FOR UPDATE OF l
         ), renewed AS (
           UPDATE millrace.leases l SET expires = $6 FROM held h WHERE l.run = h.run AND l.node = h.node
         )
         SELECT n FROM held`,
        [
          textArray(leases.map(({ tenant }) => nameIn(tenant))),
          textArray(leases.map(({ run }) => nameIn(run))),
          textArray(leases.map(({ node }) => nameIn(node))),
          numberArray(leases.map(({ attempt }) => attempt)),
          nameIn(worker),
          expires,
        ],
      );
      const places = new Set(renewed.map(({ n }) => n));
      return leases.map((_, place) => places.has(place + 1));
    },

    leases(asked: { expiredAt?: number; boot?: string; worker?: string; limit: number }): Promise<LeaseRow[]> {
      const { expiredAt = null, boot, worker, limit } = asked;
      return query<LeaseRow>(
        `SELECT r.tenant, r.run, l.node, l.attempt, l.worker, l.boot, l.expires
         FROM millrace.leases l JOIN millrace.runs r ON r.id = l.run
         WHERE ($1::float8 IS NULL OR l.expires <= $1) AND ($2::text IS NULL OR l.boot = $2)
           AND ($3::text IS NULL OR l.worker = $3)
         ORDER BY l.expires LIMIT $4`,
        [expiredAt, boot === undefined ? null : nameIn(boot), worker === undefined ? null : nameIn(worker), limit],
      );
    },

    due: (now: number, limit: number): Promise<DueRow[]> =>
      query<DueRow>(
        'SELECT tenant, run, key, at, command FROM millrace.due WHERE at <= $1 ORDER BY at, place LIMIT $2',
        [now, limit],
      ),

    async nextDue(): Promise<number | undefined> {
      const [found] = await query<{ at: number | null }>('SELECT min(at) AS at FROM millrace.due');
      return found?.at ?? undefined;
    },

    async dropDue(rows: readonly (RunKey & { key: string })[]): Promise<void> {
      await query(
        `WITH gone AS (
           SELECT d.tenant, d.run, d.name FROM unnest($1::text[], $2::text[], $3::text[]) AS g(tenant, run, name)
           JOIN millrace.due d ON d.tenant = g.tenant AND d.run = g.run AND d.name = g.name
           ORDER BY d.tenant, d.run, d.name FOR UPDATE OF d
         )
         DELETE FROM millrace.due d USING gone g WHERE d.tenant = g.tenant AND d.run = g.run AND d.name = g.name`,
        [
          textArray(rows.map(({ tenant }) => nameIn(tenant))),
          textArray(rows.map(({ run }) => nameIn(run))),
          textArray(rows.map(({ key }) => shortName(key))),
        ],
      );
    },

    async putDue(rows: readonly DueRow[]): Promise<void> {
      const last = [...new Map(rows.map((row) => [JSON.stringify([row.tenant, row.run, row.key]), row])).values()];
      await query(
        `INSERT INTO millrace.due (tenant, run, name, key, at, place, command)
         SELECT d.tenant, d.run, d.name, d.key, d.at, d.place, d.command FROM (
           SELECT d.*, nextval('millrace.place') AS place FROM jsonb_to_recordset($1::jsonb)
             AS d(tenant text, run text, name text, key text, at float8, command text)
         ) AS d ORDER BY d.tenant, d.run, d.name
         ON CONFLICT (tenant, run, name) DO UPDATE SET
           at = excluded.at, place = excluded.place, command = excluded.command`,
        [
          JSON.stringify(
            last.map(({ tenant, run, key, at, command }) => ({
              ...{ tenant: nameIn(tenant), run: nameIn(run), name: shortName(key), key: nameIn(key), at, command },
            })),
          ),
        ],
      );
    },

    async waits({ tenant, owner, kind, workflow, before, limit }: WaitQuery): Promise<WaitRow[]> {
      const rows = await query<{ text: string }>(
        `SELECT w.text FROM millrace.waits w JOIN millrace.runs r ON r.id = w.run
         WHERE w.tenant = $1 AND ($2::text IS NULL OR w.owner = $2) AND ($3::text IS NULL OR w.kind = $3)
           AND ($4::text IS NULL OR w.workflow = $4) AND w.requested_at >= $5
           AND (w.requested_at, r.run::text COLLATE "C", w.id::text COLLATE "C") > ($5, $6, $7)
         ORDER BY w.requested_at, r.run, w.id LIMIT $8`,
        [
          nameIn(tenant),
          owner === undefined ? null : nameIn(owner),
          kind ?? null,
          workflow === undefined ? null : nameIn(workflow),
          before?.requestedAt ?? -1,
          nameIn(before?.run ?? ''),
          nameIn(before?.id ?? ''),
          limit,
        ],
      );
      return rows.map(({ text }) => JSON.parse(text) as WaitRow);
    },
  };
}
