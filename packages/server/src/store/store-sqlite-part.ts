import type { Database } from 'better-sqlite3';
import type { Part, PartRefusal } from './store.ts';
import { type PartTrace, sqliteCommits } from './store-sqlite-commits.ts';
import { sqliteDeleted } from './store-sqlite-deleted.ts';
import { sqliteDocuments } from './store-sqlite-documents.ts';
import { sqliteDue } from './store-sqlite-due.ts';
import { sqliteGates } from './store-sqlite-gates.ts';
import { sqliteGrants } from './store-sqlite-grants.ts';
import type { Head } from './store-sqlite-heads.ts';
import { sqliteKeys } from './store-sqlite-keys.ts';
import { sqliteKnowledge } from './store-sqlite-knowledge.ts';
import { sqliteLeases } from './store-sqlite-leases.ts';
import { sqliteLog } from './store-sqlite-log.ts';
import { sqliteQueue } from './store-sqlite-queue.ts';
import { sqliteRuns } from './store-sqlite-runs.ts';
import { sqliteSchedules } from './store-sqlite-schedules.ts';
import { sqliteWaits } from './store-sqlite-waits.ts';

export type SqliteTables = ReturnType<typeof sqliteTables>;

export function sqliteTables(db: Database) {
  const gates = sqliteGates(db);
  return {
    runs: sqliteRuns(db),
    log: sqliteLog(db),
    keys: sqliteKeys(db),
    gates,
    queue: sqliteQueue(db, gates),
    leases: sqliteLeases(db),
    due: sqliteDue(db),
    waits: sqliteWaits(db),
    knowledge: sqliteKnowledge(db),
    commits: sqliteCommits(db),
    documents: sqliteDocuments(db),
    schedules: sqliteSchedules(db),
    grants: sqliteGrants(db),
    deleted: sqliteDeleted(db),
  };
}

/** Writes a part, or says why it drops out. Within a transaction, `at` being its time. */
export function writePart(tables: SqliteTables, part: Part, at: number): PartTrace {
  const { runs, log, keys } = tables;
  const isNew = part.fence === 'new';
  const run = isNew ? create(tables, part, at) : runs.find(part);
  if (!run) return isNew ? 'exists' : 'missing';
  const refusal = refusalOf(tables, part, run);
  if (refusal) {
    if (isNew) runs.undo(part, run, part.row?.summary.tags ?? []);
    return refusal;
  }
  const first = run.head + 1;
  log.append(run, part.events, at);
  if (part.row) {
    if (!isNew) runs.change(run, part.row);
    run.ended = part.row.ended ? 1 : 0;
  }
  if (isNew) runs.place(run);
  else runs.move(run);
  for (const change of part.producers ?? []) keys.moveProducer(run.id, change, first);
  if (part.unique) keys.takeUnique(part.tenant, part.unique, part.run);
  moveWork(tables, part, run, at);
  return [run.id, first, part.events.length, run.at];
}

/** Nobody looks whether the run is there: its insertion says so, which saves a search for what is hardly ever found. */
function create({ runs, deleted }: SqliteTables, part: Part, at: number): Head | undefined {
  if (!part.row) throw new TypeError('A new run needs its row.');
  return deleted.has(part) ? undefined : runs.create(part, part.row, at);
}

function refusalOf(tables: SqliteTables, part: Part, run: Head): PartRefusal | undefined {
  const { tenant, fence, unique, slots, starts } = part;
  if (fence !== 'new') {
    if (run.ended) return 'ended';
    if (run.ctl !== fence.ctl) return 'conflict';
  }
  for (const { node, attempt, at } of part.expired ?? []) {
    if (!tables.leases.expired(run.id, node, attempt, at)) return 'lease';
  }
  for (const change of part.producers ?? []) if (tables.keys.producerMoved(run.id, change)) return 'producer';
  if (unique && tables.keys.unique(tenant, unique.scope, unique.key)) return 'unique';
  if ((slots || starts) && tables.gates.full(tenant, slots ?? [], starts ?? [])) return 'slots';
  for (const { id, at } of part.spend ?? []) if (!tables.grants.open(tenant, id, at)) return 'grant';
  return undefined;
}

/** What is to be done for a run, and what is shown of it elsewhere. What goes, goes before what comes. */
function moveWork(tables: SqliteTables, part: Part, { id }: Head, at: number): void {
  const { queue, leases, due, gates, waits, knowledge, grants } = tables;
  if (part.dequeueAll) queue.dropAll(id);
  for (const node of part.dequeue ?? []) queue.drop(id, node);
  for (const row of part.enqueue ?? []) queue.put(id, row, at);
  for (const node of part.release ?? []) leases.release(id, node);
  for (const row of part.lease ?? []) leases.put(id, row);
  if (part.undueAll) due.dropAll(part);
  for (const key of part.undue ?? []) due.drop(part, key);
  for (const row of part.due ?? []) due.put(row);
  for (const change of part.slots ?? []) gates.moveSlot(part.tenant, change);
  for (const start of part.starts ?? []) gates.start(part.tenant, start);
  if (part.unwaitAll) waits.dropAll(part);
  for (const wait of part.unwait ?? []) waits.drop(part, wait);
  for (const row of part.waits ?? []) waits.put(row);
  for (const row of part.documents ?? []) knowledge.put(part.tenant, row);
  for (const { id: grant, at: spentAt } of part.spend ?? []) grants.end(part.tenant, grant, spentAt);
}
