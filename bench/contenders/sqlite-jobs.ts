// The work of a job in bare SQL: what is left when nothing is validated, decided, folded, published or dispatched.
// One transaction adds as many jobs as may be in flight, one claims them, one completes them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { contend } from '../harness/contender.ts';
import { seeded } from '../harness/statistics.ts';

export interface SqliteRequest {
  jobs: number;
  inFlight: number;
  /** of one job's log: 4 as Millrace writes them, or 6 with run.started and node.queued */
  events: 4 | 6;
  seed: number;
}

const schema = `
CREATE TABLE runs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, status TEXT NOT NULL, head INTEGER NOT NULL);
CREATE TABLE events (run INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL);
CREATE UNIQUE INDEX events_by_seq ON events (run, seq);
CREATE TABLE queue (
  place INTEGER PRIMARY KEY, run INTEGER NOT NULL, task TEXT NOT NULL, priority INTEGER NOT NULL, expires INTEGER
);
CREATE INDEX queue_ready ON queue (task, priority DESC, place) WHERE expires IS NULL;
`;

await contend<SqliteRequest>(async ({ jobs, inFlight, events, seed }, onClose) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const db = new Database(join(folder, 'jobs.db'));
  onClose(() => db.close());
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('wal_autocheckpoint = 4000');
  db.exec(schema);
  const random = seeded(seed);
  const work = statements(db, events === 6);
  let n = 0;
  const pass = (count: number) => {
    for (const end = n + count; n < end; ) {
      const size = Math.min(inFlight, end - n);
      work.add(Array.from({ length: size }, () => ({ n: n++, text: 'j'.repeat(20 + Math.floor(random() * 80)) })));
      work.complete(work.claim(size));
    }
  };
  pass(Math.ceil(jobs / 10));
  const began = performance.now();
  pass(jobs);
  const rate = (jobs * 1_000) / (performance.now() - began);
  const completed = db.prepare("SELECT count(*) FROM runs WHERE status = 'completed'").pluck().get() as number;
  if (completed !== n) throw new Error(`${completed} of ${n} jobs are complete.`);
  return { settings: `synchronous=FULL, ${inFlight} jobs a transaction`, figures: { rate, completed } };
});

function statements(db: Database.Database, long: boolean) {
  const newRun = db.prepare("INSERT INTO runs (run, status, head) VALUES (?, 'created', ?)");
  const moveRun = db.prepare('UPDATE runs SET status = ?, head = head + ? WHERE id = ?');
  const newEvent = db.prepare('INSERT INTO events VALUES (?, ?, ?, ?)');
  const enqueue = db.prepare("INSERT INTO queue (run, task, priority) VALUES (?, 'job', 0)");
  const claimable = db.prepare<[number], { place: number; run: number }>(
    "SELECT place, run FROM queue WHERE task = 'job' AND expires IS NULL ORDER BY priority DESC, place LIMIT ?",
  );
  const lease = db.prepare('UPDATE queue SET expires = ? WHERE place = ?');
  const dequeue = db.prepare('DELETE FROM queue WHERE place = ?');
  const graph = [{ id: 'job', task: 'job' }];
  const append = (run: number, first: number, list: { type: string; node?: string; data: unknown }[]) => {
    const at = Date.now();
    for (const [index, event] of list.entries()) {
      newEvent.run(run, first + index, at, JSON.stringify({ seq: first + index, at, ...event, by: 'user:bench' }));
    }
  };
  const started = long ? 5 : 3;
  return {
    add: db.transaction((jobs: { n: number; text: string }[]) => {
      for (const job of jobs) {
        const queued = long ? [{ type: 'node.queued', node: 'job', data: {} }] : [];
        const run = Number(newRun.run(crypto.randomUUID(), 1 + queued.length).lastInsertRowid);
        const data = { workflow: 'job', graph, input: job, options: {}, owner: 'bench', tags: [] };
        append(run, 1, [{ type: 'run.created', data }, ...queued]);
        enqueue.run(run);
      }
    }),
    claim: db.transaction((limit: number) => {
      const rows = claimable.all(limit);
      for (const { place, run } of rows) {
        lease.run(Date.now() + 6_000, place);
        const begin = long ? [{ type: 'run.started', data: {} }] : [];
        const data = { task: 'job', worker: 'bench', attempt: 1 };
        append(run, long ? 3 : 2, [...begin, { type: 'node.started', node: 'job', data }]);
        moveRun.run('running', begin.length + 1, run);
      }
      return rows;
    }),
    complete: db.transaction((rows: { place: number; run: number }[]) => {
      for (const { place, run } of rows) {
        append(run, started, [
          { type: 'node.completed', node: 'job', data: { output: { n: run } } },
          { type: 'run.completed', data: { output: { n: run } } },
        ]);
        moveRun.run('completed', 2, run);
        dequeue.run(place);
      }
    }),
  };
}
