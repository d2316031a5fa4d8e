import type { Query } from './store-postgres-connection.ts';

/** ms that one partition of `events` covers, by the creation of its runs */
const SPAN = 7 * 24 * 3_600_000;
/** A run's number is the ms of its creation, shifted by this many bits; see `run_number()`. */
const TURN_BITS = 22n;
/** how many partitions there are ahead of the present one */
const AHEAD = 1;
/** ms that dropping a partition waits for those who read: all who append wait behind it */
const PATIENCE = 200;

interface Partition {
  name: string;
  /** the first number in it, and the first behind it; as text, because they take 63 bits */
  first: string;
  behind: string;
}

/** Makes the present partition and those ahead. Nobody who appends or reads has to wait. */
export async function makePartitions(query: Query): Promise<void> {
  const [clock] = await query<{ now: number }>(
    'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
  );
  const present = Math.floor((clock?.now ?? 0) / SPAN);
  for (let place = present; place <= present + AHEAD; place++) {
    const { name, first, behind } = partition(place);
    const [found] = await query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
    if (found?.there) continue;
    // Attached afterwards: to create it in its place would wait for every reader, and let everybody wait behind that.
    await query(`CREATE TABLE ${name} (LIKE millrace.events INCLUDING ALL)`);
    await query(`ALTER TABLE millrace.events ATTACH PARTITION ${name} FOR VALUES FROM (${first}) TO (${behind})`);
  }
}

/** Partitions before the present one in which no run is left but deleted ones. */
export async function deadPartitions(query: Query): Promise<Partition[]> {
  const rows = await query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'millrace.events'::regclass ORDER BY c.relname`,
  );
  const dead: Partition[] = [];
  for (const { name } of rows) {
    const found = partition(Number(name.slice(PREFIX.length)));
    const [row] = await query<{ dead: boolean }>(
      `SELECT extract(epoch FROM clock_timestamp()) * 1000 > $3 AND NOT EXISTS (
         SELECT 1 FROM millrace.runs WHERE id >= $1 AND id < $2 AND NOT gone) AS dead`,
      [found.first, found.behind, (Number(name.slice(PREFIX.length)) + 1) * SPAN],
    );
    if (row?.dead) dead.push(found);
  }
  return dead;
}

/** Drops it with all that deleted runs left in it. Within a transaction; it fails where somebody reads for long. */
export async function dropPartition(query: Query, { name, first, behind }: Partition): Promise<void> {
  await query(`SET LOCAL lock_timeout = ${PATIENCE}`);
  await query(`DROP TABLE ${name}`);
  await query('DELETE FROM millrace.deleted WHERE run >= $1 AND run < $2', [first, behind]);
}

const PREFIX = 'events_';

function partition(place: number): Partition {
  const bound = (at: number) => String(BigInt(at * SPAN) << TURN_BITS);
  return { name: `millrace.${PREFIX}${place}`, first: bound(place), behind: bound(place + 1) };
}
