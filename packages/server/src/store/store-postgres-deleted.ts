import type { RunKey } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn } from './store-postgres-names.ts';
import { deadPartitions, dropPartition } from './store-postgres-partitions.ts';

/** So many events go in one transaction. */
const STEP = 5_000;
/** ms that an earlier boot's commits are kept */
const BOOT_AGE = 24 * 3_600_000;

/** Deleted runs: at once for whoever asks; the room that they took is given back by `reclaim`. */
export function postgresDeleted(connection: PostgresConnection) {
  const { query } = connection;

  return {
    async bury({ tenant, run }: RunKey): Promise<boolean> {
      const [found] = await query<{ done: boolean }>('SELECT millrace.delete_run_1($1, $2) AS done', [
        nameIn(tenant),
        nameIn(run),
      ]);
      return found?.done ?? false;
    },

    async has({ tenant, run }: RunKey): Promise<boolean> {
      const rows = await query('SELECT 1 FROM millrace.runs WHERE tenant = $1 AND run = $2 AND gone', [
        nameIn(tenant),
        nameIn(run),
      ]);
      return rows.length > 0;
    },

    async hold({ tenant, run }: RunKey, on: boolean): Promise<boolean> {
      const rows = await query(
        'UPDATE millrace.runs SET hold = $3 WHERE tenant = $1 AND run = $2 AND NOT gone RETURNING id',
        [nameIn(tenant), nameIn(run), on],
      );
      return rows.length > 0;
    },

    /** Drops partitions in which nothing is left, then removes the events of other deleted runs, step by step. */
    async reclaim(): Promise<void> {
      for (const partition of await deadPartitions(query)) {
        // Where somebody reads for long, it is dropped the next time.
        await connection.transaction((inside) => dropPartition(inside, partition)).catch(() => undefined);
      }
      for (let more = true; more; ) {
        const [step] = await query<{ more: boolean }>('SELECT millrace.sweep_1($1) AS more', [STEP]);
        more = step?.more ?? false;
      }
      await query(
        `DELETE FROM millrace.commits c WHERE (c.server, c.n) IN (
           SELECT o.server, o.n FROM millrace.commits o
           WHERE o.at < (SELECT max(at) FROM millrace.commits) - ${BOOT_AGE}
             AND NOT EXISTS (
               SELECT 1 FROM millrace.commits y WHERE y.server = o.server
               AND y.at >= (SELECT max(at) FROM millrace.commits) - ${BOOT_AGE})
           FOR UPDATE SKIP LOCKED)`,
      );
    },
  };
}
