import type { Database } from 'better-sqlite3';
import { sqliteChunks } from './store-sqlite-chunks.ts';
import { sqliteCommits } from './store-sqlite-commits.ts';
import { sqliteDeleted } from './store-sqlite-deleted.ts';
import { sqliteDocuments } from './store-sqlite-documents.ts';
import { sqliteDue } from './store-sqlite-due.ts';
import { sqliteGates } from './store-sqlite-gates.ts';
import { sqliteGrants } from './store-sqlite-grants.ts';
import { sqliteJournal } from './store-sqlite-journal.ts';
import { sqliteKeys } from './store-sqlite-keys.ts';
import { sqliteKnowledge } from './store-sqlite-knowledge.ts';
import { sqliteLeases } from './store-sqlite-leases.ts';
import { sqlitePlaces } from './store-sqlite-places.ts';
import { sqliteQueue } from './store-sqlite-queue.ts';
import { sqliteRuns } from './store-sqlite-runs.ts';
import { sqliteSchedules } from './store-sqlite-schedules.ts';
import { sqliteSnapshots } from './store-sqlite-snapshots.ts';
import { sqliteWaits } from './store-sqlite-waits.ts';

export type SqliteTables = ReturnType<typeof sqliteTables>;

export function sqliteTables(db: Database) {
  const places = sqlitePlaces(db);
  const gates = sqliteGates(db);
  return {
    places,
    runs: sqliteRuns(db, places),
    journal: sqliteJournal(db),
    chunks: sqliteChunks(db),
    snapshots: sqliteSnapshots(db),
    keys: sqliteKeys(db),
    gates,
    queue: sqliteQueue(db, gates, (id) => places.key(id)?.run),
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
