import type { LogPage, PageLimit, ProducerState, RunKey, Snapshot, SnapshotKind } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn } from './store-postgres-names.ts';
import type { RunNumbers } from './store-postgres-numbers.ts';

interface StoredPage {
  head: number;
  ctl: number;
  at: number;
  ended: boolean;
  /** of the events that fit */
  text: string | null;
  count: number;
  last: number | null;
}

/** The first of the given events: as many as fit into both limits, and at least one. */
const page = (events: string) => `
  SELECT r.head, r.ctl, r.at, r.ended, p.text, p.count, p.last
  FROM millrace.runs r CROSS JOIN LATERAL (
    SELECT string_agg(e.text, ',' ORDER BY e.seq) AS text, count(*) AS count, max(e.seq) AS last
    FROM (
      SELECT e.seq, e.text, row_number() OVER w AS n, sum(octet_length(e.text) + 1) OVER w - 1 AS size
      FROM (${events}) AS e WINDOW w AS (ORDER BY e.seq)
    ) AS e WHERE e.n = 1 OR e.size <= $4
  ) AS p WHERE r.id = $1 AND NOT r.gone`;
const events = (which: string) => `SELECT e.seq, e.text FROM millrace.events e WHERE e.run = $1 AND ${which}`;
// Without a hole in the log, so many events are those up to that seq.
const LOG = page(events('e.seq > $2 AND e.seq <= $2::bigint + $3::bigint'));
/** Up to here no index knows the control events of a run: most runs are no longer, and so few are soon looked through. */
const HEAD = 256;
const controls = (which: string) => `(${events(`e.control AND e.seq > $2 AND ${which}`)} ORDER BY e.seq LIMIT $3)`;
const CONTROL = page(
  `SELECT * FROM (${controls(`e.seq <= ${HEAD}`)} UNION ALL ${controls(`e.seq > ${HEAD}`)}) AS e
   ORDER BY e.seq LIMIT $3`,
);

/** The tables events, snapshots and producers: what is asked of one run. */
export function postgresLog({ query }: PostgresConnection, numbers: RunNumbers) {
  async function find(key: RunKey): Promise<bigint | undefined> {
    const [found] = await query<{ id: string }>(
      'SELECT id::text AS id FROM millrace.runs WHERE tenant = $1 AND run = $2 AND NOT gone',
      [nameIn(key.tenant), nameIn(key.run)],
    );
    if (found) numbers.set(key, BigInt(found.id));
    return found && BigInt(found.id);
  }

  async function read(sql: string, key: RunKey, after: number, limit: PageLimit): Promise<StoredPage | undefined> {
    const id = numbers.get(key) ?? (await find(key));
    if (id === undefined) return undefined;
    const [found] = await query<StoredPage>(sql, [id, after, Math.max(1, limit.events), limit.bytes]);
    if (!found) numbers.drop(key);
    return found;
  }

  return {
    async page(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
      const found = await read(LOG, key, after, limit);
      return found && pageOf(found, after, after + found.count);
    },

    async controlPage(key: RunKey, after: number, limit: PageLimit): Promise<LogPage | undefined> {
      const found = await read(CONTROL, key, after, limit);
      if (!found) return undefined;
      const last = found.last ?? after;
      // ctl is the last control event there is: having read it, nothing of this kind is left before the head.
      return pageOf(found, after, last < found.ctl ? last : Math.max(found.head, after));
    },

    async readSnapshot({ tenant, run }: RunKey, kind: SnapshotKind, fold: number): Promise<Snapshot | undefined> {
      const rows = await query<Snapshot>(
        `SELECT s.seq, s.fold, s.text FROM millrace.runs r JOIN millrace.snapshots s ON s.run = r.id
         WHERE r.tenant = $1 AND r.run = $2 AND NOT r.gone AND s.kind = $3 AND s.fold = $4`,
        [nameIn(tenant), nameIn(run), kind, fold],
      );
      return rows[0];
    },

    async writeSnapshot({ tenant, run }: RunKey, kind: SnapshotKind, { seq, fold, text }: Snapshot): Promise<void> {
      await query(
        `INSERT INTO millrace.snapshots (run, kind, seq, fold, text)
         SELECT id, $3, $4, $5, $6 FROM millrace.runs WHERE tenant = $1 AND run = $2 AND NOT gone
         ON CONFLICT (run, kind) DO UPDATE SET seq = excluded.seq, fold = excluded.fold, text = excluded.text
         WHERE excluded.fold <> snapshots.fold OR excluded.seq > snapshots.seq`,
        [nameIn(tenant), nameIn(run), kind, seq, fold, text],
      );
    },

    async producer({ tenant, run }: RunKey, producer: string): Promise<ProducerState | undefined> {
      const rows = await query<ProducerState>(
        `SELECT p.term, p.sequence, p.seq FROM millrace.runs r JOIN millrace.producers p ON p.run = r.id
         WHERE r.tenant = $1 AND r.run = $2 AND p.id = $3`,
        [nameIn(tenant), nameIn(run), nameIn(producer)],
      );
      return rows[0];
    },

    async unique(tenant: string, scope: string, key: string): Promise<{ run: string; hash: string } | undefined> {
      const rows = await query<{ run: string; hash: string }>(
        `SELECT r.run, u.hash FROM millrace.uniques u JOIN millrace.runs r ON r.id = u.run
         WHERE u.tenant = $1 AND u.scope = $2 AND u.key = $3`,
        [nameIn(tenant), nameIn(scope), nameIn(key)],
      );
      return rows[0];
    },
  };
}

function pageOf({ head, ctl, at, ended, text, count }: StoredPage, after: number, through: number): LogPage {
  return { seq: after + 1, through, text: text ?? '', count, head, ctl, at, ended };
}
