import type { CommitRow, RunKey } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn } from './store-postgres-names.ts';

interface StoredCommit {
  server: string;
  n: number;
  at: number;
  heads: { tenant: string; run: string; head: number }[];
}

/** The table commits: what every batch did, so that a repeat is answered and lost hints are found. */
export function postgresCommits({ query }: PostgresConnection) {
  return {
    async after(server: string, n: number, limit: number): Promise<CommitRow[]> {
      const rows = await query<Omit<StoredCommit, 'heads'> & Partial<RunKey> & { head: number | null }>(
        `SELECT c.server, c.n, c.at, r.tenant, r.run, h.head
         FROM (
           SELECT * FROM millrace.commits WHERE server = $1 AND n > $2 ORDER BY n LIMIT $3
         ) AS c
         LEFT JOIN LATERAL unnest(c.runs, c.heads) WITH ORDINALITY AS h(id, head, place) ON h.id > 0
         LEFT JOIN millrace.runs r ON r.id = h.id AND NOT r.gone
         ORDER BY c.n, h.place`,
        [nameIn(server), n, limit],
      );
      const commits = new Map<number, StoredCommit>();
      for (const { tenant, run, head, ...row } of rows) {
        const commit = commits.get(row.n) ?? { ...row, heads: [] };
        commits.set(row.n, commit);
        if (typeof run === 'string' && typeof tenant === 'string' && head !== null)
          commit.heads.push({ tenant, run, head });
      }
      return [...commits.values()];
    },

    last: (since: number): Promise<{ server: string; n: number }[]> =>
      query<{ server: string; n: number }>(
        'SELECT server, max(n) AS n FROM millrace.commits WHERE at >= $1 GROUP BY server ORDER BY server',
        [since],
      ),
  };
}
