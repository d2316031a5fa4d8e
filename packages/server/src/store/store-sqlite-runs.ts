import { isTerminal, type RunSummary } from '@millrace/protocol';
import type { Database, Statement } from 'better-sqlite3';
import type { RunKey, RunRow, RunRowChange, RunRowQuery, SilentQuery } from './store.ts';
import { type Head, RecentHeads } from './store-sqlite-heads.ts';

interface StoredRun extends Omit<Head, 'shown'> {
  tenant: string;
  run: string;
  summary: string;
}

const FIELDS = 'r.id, r.tenant, r.run, h.head, h.ctl, h.at, h.ended, r.status, r.summary';
const RUNS = 'runs r JOIN heads h ON h.run = r.id';

/** The tables runs, run_tags and heads. */
export function sqliteRuns(db: Database) {
  const find = db.prepare<[string, string], Head>(
    `SELECT r.id, h.head, h.ctl, h.at, h.ended, r.status, r.shown FROM ${RUNS} WHERE r.tenant = ? AND r.run = ?`,
  );
  const findRow = db.prepare<[string, string], StoredRun>(
    `SELECT ${FIELDS} FROM ${RUNS} WHERE r.tenant = ? AND r.run = ?`,
  );
  const key = db.prepare<[number], RunKey>('SELECT tenant, run FROM runs WHERE id = ?');
  const insert = db.prepare(
    `INSERT INTO runs (id, tenant, run, owner, workflow, queue, status, shown, summary, at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, run) DO NOTHING`,
  );
  const insertTag = db.prepare('INSERT OR IGNORE INTO run_tags (tenant, tag, run) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM runs WHERE id = ?');
  const removeTag = db.prepare('DELETE FROM run_tags WHERE tenant = ? AND tag = ? AND run = ?');
  const insertHead = db.prepare('INSERT INTO heads (run, head, ctl, at, ended) VALUES (?, ?, ?, ?, ?)');
  const tell = db.prepare('UPDATE runs SET summary = ? WHERE id = ?');
  const update = db.prepare('UPDATE runs SET status = ?, shown = ?, summary = ?, at = ? WHERE id = ?');
  const move = db.prepare('UPDATE heads SET head = ?, ctl = ?, at = ?, ended = ? WHERE run = ?');
  // Of runs that have ended the row is as old as the log, so nothing is sorted to find the oldest. Of the others only
  // those are looked at whose row is old; they are few, and their heads tell.
  const silent = (order: string) =>
    db.prepare<[{ status: string; before: number; external: number | null; limit: number }], StoredRun>(
      `SELECT ${FIELDS} FROM runs r INDEXED BY runs_by_silence JOIN heads h ON h.run = r.id
       WHERE r.status = @status AND r.at <= @before AND h.at <= @before
         AND (@external IS NULL OR r.summary ->> '$.external' = @external)
       ORDER BY ${order} LIMIT @limit`,
    );
  const silentEnded = silent('r.at, r.id');
  const silentLive = silent('h.at, r.id');
  const newest = db
    .prepare<[], number>(
      'SELECT max(coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(id) FROM deleted), 0))',
    )
    .pluck();
  /** A number is never used twice, because old rows of commits name runs by it. */
  let last = newest.get() ?? 0;
  const recent = new RecentHeads();
  const lists = new Map<string, Statement<[object], unknown>>();

  function list<Row>(sql: string): Statement<[object], Row> {
    const known = lists.get(sql) ?? db.prepare<[object], unknown>(sql);
    lists.set(sql, known);
    return known as Statement<[object], Row>;
  }

  return {
    /** The one object that stands for the run: whoever appends moves it along. */
    find: (key: RunKey): Head | undefined => recent.find(key, (tenant, run) => find.get(tenant, run)),

    /** After a rollback: what was moved along in vain is read again. */
    forget: (): void => recent.forget(),

    /** After a deletion. */
    drop: (key: RunKey): void => recent.drop(key),

    key: (id: number): RunKey | undefined => key.get(id),

    /** undefined = there is such a run already. */
    create({ tenant, run }: RunKey, { status, summary, queue }: RunRowChange, at: number): Head | undefined {
      const { owner = null, workflow, tags } = summary;
      last += 1;
      const id = last;
      const text = JSON.stringify(summary);
      const { changes } = insert.run(id, tenant, run, owner, workflow, queue ?? null, status, summary.status, text, at);
      if (changes === 0) return undefined;
      for (const tag of tags) insertTag.run(tenant, tag, id);
      return recent.keep({ tenant, run }, { id, head: 0, ctl: 0, at: 0, ended: 0, status, shown: summary.status });
    },

    /** Indexes are touched only where the status moves; `at` then is when it did, never later than the head's. */
    change(run: Head, { status, ended, summary }: RunRowChange): void {
      const text = JSON.stringify(summary);
      if (run.status === status && run.shown === summary.status && !ended) {
        tell.run(text, run.id);
        return;
      }
      run.status = status;
      run.shown = summary.status;
      update.run(status, summary.status, text, run.at, run.id);
    },

    /** Takes a creation back, before anything was written for the run. */
    undo(key: RunKey, { id }: Head, tags: readonly string[]): void {
      for (const tag of tags) removeTag.run(key.tenant, tag, id);
      remove.run(id);
      recent.drop(key);
    },

    /** A new run's first head. */
    place({ id, head, ctl, at, ended }: Head): void {
      insertHead.run(id, head, ctl, at, ended);
    },

    move({ id, head, ctl, at, ended }: Head): void {
      move.run(head, ctl, at, ended, id);
    },

    row({ tenant, run }: RunKey): RunRow | undefined {
      const found = findRow.get(tenant, run);
      return found && rowOf(found);
    },

    rows(query: RunRowQuery): { rows: RunRow[]; total: number } {
      const where = conditions(query).join(' AND ');
      const page = query.before === undefined ? where : `${where} AND r.id < ${BEFORE}`;
      const values = { ...query, status: JSON.stringify(query.status), shown: query.status?.[0] };
      const rows = list<StoredRun>(`SELECT ${FIELDS} FROM ${RUNS} WHERE ${page} ORDER BY r.id DESC LIMIT @limit`);
      const count = list<{ total: number }>(`SELECT count(*) AS total FROM runs r WHERE ${where}`);
      return { rows: rows.all(values).map(rowOf), total: count.get(values)?.total ?? 0 };
    },

    silent({ status, before, external, limit }: SilentQuery): RunRow[] {
      const found = status.flatMap((one) =>
        (isTerminal(one) ? silentEnded : silentLive).all({
          status: one,
          before,
          external: external === undefined ? null : Number(external),
          limit,
        }),
      );
      return found
        .sort((a, b) => a.at - b.at || a.id - b.id)
        .slice(0, limit)
        .map(rowOf);
    },
  };
}

const IN_STATUS = 'r.shown IN (SELECT value FROM json_each(@status))';
const BEFORE = '(SELECT id FROM runs WHERE tenant = @tenant AND run = @before)';

function conditions({ owner, workflow, queue, tag, status }: RunRowQuery): string[] {
  return [
    'r.tenant = @tenant',
    ...(owner === undefined ? [] : ['r.owner = @owner']),
    ...(workflow === undefined ? [] : ['r.workflow = @workflow']),
    ...(queue === undefined ? [] : ['r.queue = @queue']),
    ...(tag === undefined ? [] : ['r.id IN (SELECT run FROM run_tags WHERE tenant = @tenant AND tag = @tag)']),
    // One status alone keeps the index's order: nothing is sorted to find the newest.
    ...(status === undefined ? [] : [status.length === 1 ? 'r.shown = @shown' : IN_STATUS]),
  ];
}

function rowOf({ id: _id, ended, summary, ...row }: StoredRun): RunRow {
  const shown: RunSummary = { ...(JSON.parse(summary) as RunSummary), seq: row.head };
  return { ...row, ended: ended === 1, summary: shown };
}
