import type { Database } from 'better-sqlite3';
import { type Batch, COMMITS_KEPT, type CommitResult, type CommitRow, type PartRefusal, type RunKey } from './store.ts';

/** What became of a part: the run's number, the first seq, how many events and their time; or why it dropped out. */
export type PartTrace = [run: number, first: number, events: number, at: number] | PartRefusal;

/** Old rows are removed this many commits at a time. */
const PRUNE_EVERY = 500;
/** ms that an earlier boot's rows are kept */
const BOOT_AGE = 24 * 3_600_000;

/** The table commits: what every batch did, so that a repeat is answered and not written. */
export function sqliteCommits(db: Database) {
  const find = db.prepare<[string, number], string>('SELECT parts FROM commits WHERE server = ? AND n = ?').pluck();
  const insert = db.prepare('INSERT INTO commits (server, n, at, parts) VALUES (?, ?, ?, ?)');
  const after = db.prepare<[string, number, number], { n: number; at: number; parts: string }>(
    'SELECT n, at, parts FROM commits WHERE server = ? AND n > ? ORDER BY n LIMIT ?',
  );
  const newestIn = db.prepare<[string], number | null>('SELECT max(n) FROM commits WHERE server = ?').pluck();
  const last = db.prepare<[number], { server: string; n: number }>(
    'SELECT server, max(n) AS n FROM commits WHERE at >= ? GROUP BY server',
  );
  const prune = db.prepare('DELETE FROM commits WHERE server = ? AND n <= ?');
  const pruneBoots = db.prepare('DELETE FROM commits WHERE server <> ? AND at < ?');

  /** by server: the newest batch that was ever looked for or written; what is newer cannot be there */
  const newest = new Map<string, number>();
  const newestOf = (server: string): number => {
    const known = newest.get(server) ?? newestIn.get(server) ?? 0;
    newest.set(server, known);
    return known;
  };

  return {
    find(server: string, n: number): CommitResult | undefined {
      if (n > newestOf(server)) return undefined;
      const parts = find.get(server, n);
      return parts === undefined ? undefined : resultOf(JSON.parse(parts) as PartTrace[]);
    },

    insert({ server, n, at }: Batch, traces: readonly PartTrace[]): void {
      insert.run(server, n, at, JSON.stringify(traces));
      newest.set(server, Math.max(newestOf(server), n));
      if (n % PRUNE_EVERY !== 0) return;
      prune.run(server, n - COMMITS_KEPT);
      pruneBoots.run(server, at - BOOT_AGE);
    },

    last: (since: number): { server: string; n: number }[] => last.all(since),

    after(server: string, n: number, limit: number, keyOf: (run: number) => RunKey | undefined): CommitRow[] {
      return after.all(server, n, limit).map((row) => {
        const heads = (JSON.parse(row.parts) as PartTrace[]).flatMap((trace) => {
          const key = typeof trace === 'string' ? undefined : keyOf(trace[0]);
          return key && typeof trace !== 'string' ? [{ ...key, head: trace[1] + trace[2] - 1 }] : [];
        });
        return { server, n: row.n, at: row.at, heads };
      });
    },
  };
}

export function resultOf(traces: readonly PartTrace[]): CommitResult {
  const parts = traces.map((trace) =>
    typeof trace === 'string'
      ? { ok: false as const, reason: trace }
      : { ok: true as const, first: trace[1], at: trace[3] },
  );
  return { parts };
}
