import type { Database } from 'better-sqlite3';
import type { Part, ProducerChange, ProducerState } from './store.ts';
import type { Head } from './store-sqlite-heads.ts';

type Unique = NonNullable<Part['unique']>;

/** The tables producers and uniques: what makes a repeat harmless. */
export function sqliteKeys(db: Database) {
  const find = db.prepare<[number, string], ProducerState>(
    'SELECT term, sequence, seq FROM producers WHERE run = ? AND id = ?',
  );
  const put = db.prepare('INSERT OR REPLACE INTO producers (run, id, term, sequence, seq) VALUES (?, ?, ?, ?, ?)');
  const unique = db.prepare<[string, string, string], { run: string; hash: string }>(
    'SELECT run, hash FROM uniques WHERE tenant = ? AND scope = ? AND key = ?',
  );
  const putUnique = db.prepare('INSERT INTO uniques (tenant, scope, key, run, hash) VALUES (?, ?, ?, ?, ?)');

  function producer(head: Head, id: string): ProducerState | undefined {
    const known = head.producers.get(id);
    if (known || head.fresh) return known;
    const stored = find.get(head.id, id);
    if (stored) head.producers.set(id, stored);
    return stored;
  }

  return {
    producer,

    /** Whether the producer no longer is what the decision saw. */
    producerMoved(head: Head, { id, was }: ProducerChange): boolean {
      const now = producer(head, id);
      return now?.term !== was?.term || now?.sequence !== was?.sequence;
    },

    /** Makes the table show those that moved. */
    settle({ id: run, producers, late }: Head): void {
      for (const id of late?.producers ?? []) {
        const moved = producers.get(id);
        if (moved) put.run(run, id, moved.term, moved.sequence, moved.seq);
      }
      producers.clear();
    },

    unique: (tenant: string, scope: string, key: string) => unique.get(tenant, scope, key),

    takeUnique(tenant: string, { scope, key, hash }: Unique, run: string): void {
      putUnique.run(tenant, scope, key, run, hash);
    },
  };
}
