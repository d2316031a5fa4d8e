import type { ClaimRequest, QueueRow } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn, nameOut, shortName } from './store-postgres-names.ts';

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

/** What a look that goes with a commit answers of one claim. In JSON names come as they are stored. */
export interface Found {
  plain: StoredRow[] | null;
  gated: GatedRow[] | null;
}

/** ms for which rows that were shown to one server are not shown to others: it is about to claim them. */
const OFFER = 300;

const CLAIMABLE = 'SELECT * FROM millrace.claimable_1($1, $2, $3, $4, $5, $6, $7)';
const GATED = 'SELECT * FROM millrace.claimable_gated_1($1, $2, $3, $4, $5)';

/** The tables queue, slots and starts. `server`: who is offered what this claims. */
export function postgresQueue({ query }: PostgresConnection, server: string) {
  return {
    async claimable(request: ClaimRequest): Promise<QueueRow[]> {
      const { tenant, asked, queues, now, lim } = asksOf(request);
      const values = [tenant, JSON.stringify(asked), queues, now, lim];
      const found = await query<StoredRow & { gated: boolean }>(CLAIMABLE, [...values, server, OFFER]);
      const plain = found.filter(({ gated }) => !gated);
      const gated = found.length > plain.length ? await query<GatedRow>(GATED, values) : [];
      return choose([...plain, ...gated], lim);
    },

    /** The parameters of `look_3`. */
    lookValues: (asks: readonly ClaimRequest[]): unknown[] => [JSON.stringify(asks.map(asksOf)), server, OFFER],

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

/** What a commit found for each of its asks. */
export function foundRows(asks: readonly ClaimRequest[], found: readonly Found[]): QueueRow[][] {
  return asks.map(({ limit }, place) => {
    const { plain, gated } = found[place] ?? { plain: null, gated: null };
    return choose([...(plain ?? []), ...(gated ?? [])].map(decoded), limit);
  });
}

/** A claim as the database's functions take it. */
function asksOf({ tenant, tasks, queues, now, limit }: ClaimRequest) {
  const versions = new Map<string, string[]>();
  for (const { name, version } of tasks) {
    const known = versions.get(name) ?? [];
    versions.set(name, version === undefined ? known : [...known, nameIn(version)]);
  }
  const asked = [...versions].map(([task, known]) => ({ task: nameIn(task), versions: known }));
  return { tenant: nameIn(tenant), asked, queues: queues?.map(nameIn) ?? null, now, lim: limit };
}

/** The first rows that may all be claimed: one that would take a slot too many is left out. */
function choose(found: (StoredRow | GatedRow)[], limit: number): QueueRow[] {
  const rows = found.sort((a, b) => b.priority - a.priority || a.place - b.place);
  const taken = new Map<string, number>();
  const given: QueueRow[] = [];
  for (const stored of rows) {
    if (given.length >= limit) break;
    if (!('gates' in stored)) {
      given.push(rowOf(stored));
      continue;
    }
    const { gates, used, started, ...plain } = stored;
    const about = JSON.parse(gates) as Gates;
    const takes = (about.slots ?? []).map(({ key, limit: most }, n) => ({
      key: `slot/${key}`,
      most,
      used: used[n] ?? 0,
    }));
    if (about.rate) takes.push({ key: `rate/${about.rate.key}`, most: about.rate.limit, used: started });
    const of = (key: string) => `${plain.queue.length}/${plain.queue}/${key}`;
    if (takes.some((one) => one.used + (taken.get(of(one.key)) ?? 0) >= one.most)) continue;
    for (const { key } of takes) taken.set(of(key), (taken.get(of(key)) ?? 0) + 1);
    given.push({ ...rowOf(plain), ...about });
  }
  return given;
}

function rowOf({ tenant, run, node, task, version, queue, priority, at }: StoredRow): QueueRow {
  return { tenant, run, node, task, ...(version === null ? {} : { version }), queue, priority, at };
}

/** As a row arrives that is read by its columns. */
function decoded<Row extends StoredRow>(row: Row): Row {
  row.tenant = nameOut(row.tenant);
  row.run = nameOut(row.run);
  row.node = nameOut(row.node);
  row.task = nameOut(row.task);
  row.queue = nameOut(row.queue);
  if (row.version !== null) row.version = nameOut(row.version);
  return row;
}
