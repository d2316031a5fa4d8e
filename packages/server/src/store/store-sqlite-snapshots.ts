import type { Database } from 'better-sqlite3';
import type { Snapshot, SnapshotKind } from './store.ts';

/** The table snapshots. */
export function sqliteSnapshots(db: Database) {
  const read = db.prepare<[number, string, number], Snapshot>(
    'SELECT seq, fold, text FROM snapshots WHERE run = ? AND kind = ? AND fold = ?',
  );
  const write = db.prepare(
    `INSERT INTO snapshots (run, kind, seq, fold, text) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (run, kind) DO UPDATE SET seq = excluded.seq, fold = excluded.fold, text = excluded.text
     WHERE excluded.fold <> fold OR excluded.seq > seq`,
  );

  return {
    read: (run: number, kind: SnapshotKind, fold: number): Snapshot | undefined => read.get(run, kind, fold),

    write(run: number, kind: SnapshotKind, { seq, fold, text }: Snapshot): void {
      write.run(run, kind, seq, fold, text);
    },
  };
}
