import { isTerminal, type PublicStatus, type RunSummary } from '@millrace/protocol';
import type { RunKey, RunRow, RunRowQuery, SilentQuery } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn } from './store-postgres-names.ts';

interface StoredRun {
  tenant: string;
  run: string;
  head: number;
  ctl: number;
  at: number;
  ended: boolean;
  status: RunRow['status'];
  summary: string;
}

const FIELDS = 'r.tenant, r.run, r.head, r.ctl, r.at, r.ended, s.status, s.text AS summary';
const RUNS = 'millrace.summaries s JOIN millrace.runs r ON r.id = s.run';

const STATUSES: readonly string[] = Object.keys({
  ...{ created: true, running: true, paused: true, completed: true, failed: true, cancelled: true },
} satisfies Record<PublicStatus, true>);

const OPEN = "AND s.shown IN ('created', 'running', 'paused')";
const AMONG = '($2::text[] IS NULL OR s.shown = ANY ($2))';
const NUMBER = 'SELECT id FROM millrace.runs WHERE tenant = $1 AND NOT gone';

/** The tables runs and summaries. */
export function postgresRuns({ query }: PostgresConnection) {
  return {
    async row({ tenant, run }: RunKey): Promise<RunRow | undefined> {
      const rows = await query<StoredRun>(`SELECT ${FIELDS} FROM ${RUNS} WHERE r.tenant = $1 AND r.run = $2`, [
        nameIn(tenant),
        nameIn(run),
      ]);
      return rows.map(rowOf)[0];
    },

    async heads(keys: readonly RunKey[]): Promise<({ head: number; ctl: number } | undefined)[]> {
      const found = await query<{ place: number; head: number; ctl: number }>(
        `SELECT k.place, r.head, r.ctl FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (tenant, run, place)
         JOIN millrace.runs r ON r.tenant = k.tenant AND r.run = k.run AND NOT r.gone`,
        [keys.map(({ tenant }) => nameIn(tenant)), keys.map(({ run }) => nameIn(run))],
      );
      const byPlace = new Map(found.map(({ place, head, ctl }) => [Number(place), { head, ctl }]));
      return keys.map((_, place) => byPlace.get(place + 1));
    },

    async rows(asked: RunRowQuery): Promise<{ rows: RunRow[]; total: number }> {
      const { conditions, values, merged } = conditionsOf(asked);
      const more = [...values];
      const place = (value: unknown) => `$${more.push(value)}`;
      const { before } = asked;
      const number = before === undefined ? '' : `(${NUMBER} AND run = ${place(nameIn(before))})`;
      const older = number && (merged ? `AND -s.run > -${number}` : `AND s.run < ${number}`);
      const limit = `LIMIT ${place(asked.limit)}`;
      const some = (among: string) =>
        `SELECT s.run, s.status, s.text FROM millrace.summaries s WHERE ${conditions} AND ${among} ${older}`;
      const found = merged
        ? `unnest($2::text[]) AS w(shown) CROSS JOIN LATERAL (${some('s.shown = w.shown')} ORDER BY -s.run ${limit}) AS s`
        : `(${some(AMONG)}) AS s`;
      const page = `SELECT ${FIELDS} FROM ${found} JOIN millrace.runs r ON r.id = s.run ORDER BY s.run DESC ${limit}`;
      const [rows, counted] = await Promise.all([
        query<StoredRun>(page, more),
        query<{ total: number }>(
          `SELECT count(*) AS total FROM millrace.summaries s WHERE ${conditions} AND ${AMONG}`,
          values,
        ),
      ]);
      return { rows: rows.map(rowOf), total: counted[0]?.total ?? 0 };
    },

    /**
     * Of runs that have ended the summary is as old as the log, so nothing is sorted to find the oldest. Of the others
     * only those are looked at whose summary is old; they are few. What our workers are running is in no index by age, but
     * in that of what has not ended.
     */
    async silent({ status, before, external, limit }: SilentQuery): Promise<RunRow[]> {
      const found = await Promise.all(
        status.map((one) =>
          query<StoredRun & { id: string }>(
            `SELECT ${FIELDS}, r.id::text FROM ${RUNS}
             WHERE s.status = $1 ${one === 'running' ? OPEN : ''} AND s.at <= $2 AND r.at <= $2 AND ($3::boolean IS NULL OR s.external = $3)
             ORDER BY ${isTerminal(one) ? 's' : 'r'}.at, r.id LIMIT $4`,
            [one, before, external ?? null, limit],
          ),
        ),
      );
      return found
        .flat()
        .sort((a, b) => a.at - b.at || (BigInt(a.id) < BigInt(b.id) ? -1 : 1))
        .slice(0, limit)
        .map(({ id: _id, ...row }) => rowOf(row));
    },
  };
}

/**
 * An index holds a tenant's runs by public status, newest first: a page is `merged` from the first of each. Where more is
 * asked, Postgres chooses what to begin with. The second value is the statuses; null = any, where others are fewer.
 */
function conditionsOf({ tenant, owner, workflow, queue, tag, status }: RunRowQuery) {
  const merged = [owner, workflow, queue, tag].every((one) => one === undefined);
  const few = owner !== undefined || tag !== undefined;
  const values: unknown[] = [nameIn(tenant), status ? [...new Set(status)] : few ? null : STATUSES];
  const place = (value: unknown) => `$${values.push(value)}`;
  const conditions = ['s.tenant = $1'];
  if (owner !== undefined) conditions.push(`s.owner = ${place(nameIn(owner))}`);
  if (workflow !== undefined) conditions.push(`s.workflow = ${place(nameIn(workflow))}`);
  if (queue !== undefined) conditions.push(`s.queue = ${place(nameIn(queue))}`);
  if (tag !== undefined) {
    conditions.push(`s.run IN (SELECT run FROM millrace.tags WHERE tenant = $1 AND tag = ${place(nameIn(tag))})`);
  }
  return { conditions: conditions.join(' AND '), values, merged };
}

function rowOf({ summary, ...row }: StoredRun): RunRow {
  const shown: RunSummary = { ...(JSON.parse(summary) as RunSummary), seq: row.head };
  return { ...row, summary: shown };
}
