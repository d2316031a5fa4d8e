import type { CommitRow, RunKey } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn } from './store-postgres-names.ts';

/** Lists of numbers as Postgres writes them: one row a commit is what a busy server's commits can be read for. */
interface StoredCommit {
  server: string;
  n: number;
  at: number;
  /** 0 = the part dropped out */
  runs: string;
  heads: string;
}

/** The table commits: what every batch did, so that a repeat is answered and lost hints are found. */
export function postgresCommits({ query }: PostgresConnection) {
  /** Of the runs that are still there. */
  async function keysOf(ids: ReadonlySet<string>): Promise<Map<string, RunKey>> {
    if (ids.size === 0) return new Map();
    const rows = await query<RunKey & { id: string }>(
      'SELECT id::text AS id, tenant, run FROM millrace.runs WHERE id = ANY ($1::bigint[]) AND NOT gone',
      [`{${[...ids].join()}}`],
    );
    return new Map(rows.map(({ id, tenant, run }) => [id, { tenant, run }]));
  }

  return {
    async after(server: string, n: number, limit: number): Promise<CommitRow[]> {
      const rows = await query<StoredCommit>(
        `SELECT server, n, at, runs::text AS runs, heads::text AS heads
         FROM millrace.commits WHERE server = $1 AND n > $2 ORDER BY n LIMIT $3`,
        [nameIn(server), n, limit],
      );
      const commits = rows.map((row) => ({ ...row, ids: numbersIn(row.runs), heads: numbersIn(row.heads) }));
      const keys = await keysOf(new Set(commits.flatMap(({ ids }) => ids)));
      return commits.map(({ ids, heads, runs: _runs, ...commit }) => ({
        ...commit,
        heads: ids.flatMap((id, place) => {
          const key = keys.get(id);
          return key ? [{ ...key, head: Number(heads[place]) }] : [];
        }),
      }));
    },

    last: (since: number): Promise<{ server: string; n: number }[]> =>
      query<{ server: string; n: number }>(
        'SELECT server, max(n) AS n FROM millrace.commits WHERE at >= $1 GROUP BY server ORDER BY server',
        [since],
      ),
  };
}

const numbersIn = (list: string): string[] => (list === '{}' ? [] : list.slice(1, -1).split(','));
