import { isTerminal, type RunSummary } from '@millrace/protocol';
import type { Database, Statement } from 'better-sqlite3';
import type { RunKey, RunRow, RunRowQuery, SilentQuery } from './store.ts';
import type { Head } from './store-sqlite-heads.ts';
import type { sqlitePlaces } from './store-sqlite-places.ts';

interface StoredRun extends Pick<Head, 'id' | 'tenant' | 'run' | 'head' | 'ctl' | 'at' | 'status'> {
  ended: number;
  summary: string;
}

const FIELDS = 'r.id, r.tenant, r.run, h.head, h.ctl, h.at, h.ended, r.status, r.summary';
const RUNS = 'runs r JOIN heads h ON h.run = r.id';

/** The tables runs and run_tags. Before it answers lists, the rows of late runs are written ({@link settle}). */
export function sqliteRuns(db: Database, places: ReturnType<typeof sqlitePlaces>) {
  const { late } = places;
  const findRow = db.prepare<[number], StoredRun>(`SELECT ${FIELDS} FROM ${RUNS} WHERE r.id = ?`);
  const insert = db.prepare(
    `INSERT INTO runs (id, tenant, run, owner, workflow, queue, status, shown, summary, at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertTag = db.prepare('INSERT OR IGNORE INTO run_tags (tenant, tag, run) VALUES (?, ?, ?)');
  const tell = db.prepare('UPDATE runs SET summary = ? WHERE id = ?');
  const update = db.prepare('UPDATE runs SET status = ?, shown = ?, summary = ?, at = ? WHERE id = ?');
  const shownOf = db.prepare<[number], { status: string; shown: string }>(
    'SELECT status, shown FROM runs WHERE id = ?',
  );
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
  const lists = new Map<string, Statement<[object], unknown>>();

  function list<Row>(sql: string): Statement<[object], Row> {
    const known = lists.get(sql) ?? db.prepare<[object], unknown>(sql);
    lists.set(sql, known);
    return known as Statement<[object], Row>;
  }

  /** What the memory knows of a run is newer than its head in the table. */
  function present(stored: StoredRun): StoredRun {
    const head = late.byNumber(stored.id);
    return head ? { ...stored, head: head.head, ctl: head.ctl, at: head.at, ended: head.ended ? 1 : 0 } : stored;
  }

  /** `placed`: the caller writes the run's place itself. */
  function settle(head: Head, placed = false): void {
    const row = head.late?.row;
    const first = head.late?.first;
    if (!head.late || !row) return;
    const { status, summary, ended } = row;
    const text = JSON.stringify(summary);
    if (first) {
      const { owner = null, workflow, tags } = first.summary;
      const { id, tenant, run } = head;
      insert.run(id, tenant, run, owner, workflow, first.queue ?? null, status, summary.status, text, head.at);
      for (const tag of tags) insertTag.run(tenant, tag, id);
      if (!placed) places.settle({ ...head, stored: 0, ctl: 0, at: 0, ended: false }, 0, 0);
    } else {
      // Indexes are touched only where the status moved; `at` then is when it did, never later than the head's.
      const before = shownOf.get(head.id);
      if (before?.status === status && before.shown === summary.status && !ended) tell.run(text, head.id);
      else update.run(status, summary.status, text, head.at, head.id);
    }
    delete head.late.first;
    delete head.late.row;
  }

  return {
    settle,

    /** Writes the rows of all late runs. */
    settleAll(): void {
      for (const head of late.all) settle(head);
    },

    get unsettled(): boolean {
      for (const head of late.all) if (head.late?.row) return true;
      return false;
    },

    row(key: RunKey): RunRow | undefined {
      const head = places.find(key);
      if (!head) return undefined;
      const row = head.late?.row;
      if (row) {
        const { tenant, run, head: last, ctl, at, ended } = head;
        const summary = { ...(JSON.parse(JSON.stringify(row.summary)) as RunSummary), seq: last };
        return { tenant, run, head: last, ctl, at, ended, status: row.status, summary };
      }
      const found = findRow.get(head.id);
      return found && rowOf(present(found));
    },

    rows(query: RunRowQuery): { rows: RunRow[]; total: number } {
      const where = conditions(query).join(' AND ');
      const page = query.before === undefined ? where : `${where} AND r.id < ${BEFORE}`;
      const values = { ...query, status: JSON.stringify(query.status), shown: query.status?.[0] };
      const rows = list<StoredRun>(`SELECT ${FIELDS} FROM ${RUNS} WHERE ${page} ORDER BY r.id DESC LIMIT @limit`);
      const count = list<{ total: number }>(`SELECT count(*) AS total FROM runs r WHERE ${where}`);
      const found = rows.all(values).map((row) => rowOf(present(row)));
      return { rows: found, total: count.get(values)?.total ?? 0 };
    },

    silent({ status, before, external, limit }: SilentQuery): RunRow[] {
      // Late runs may have spoken since the table's head, and only they.
      const most = limit + late.size;
      const found = status.flatMap((one) =>
        (isTerminal(one) ? silentEnded : silentLive).all({
          status: one,
          before,
          external: external === undefined ? null : Number(external),
          limit: most,
        }),
      );
      return found
        .map(present)
        .filter(({ at }) => at <= before)
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
