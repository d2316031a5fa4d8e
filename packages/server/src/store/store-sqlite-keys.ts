import type { Database } from 'better-sqlite3';
import type { Part, ProducerChange, ProducerState } from './store.ts';

type Unique = NonNullable<Part['unique']>;

/** The tables producers and uniques: what makes a repeat harmless. */
export function sqliteKeys(db: Database) {
  const producer = db.prepare<[number, string], ProducerState>(
    'SELECT term, sequence, seq FROM producers WHERE run = ? AND id = ?',
  );
  const putProducer = db.prepare(
    'INSERT OR REPLACE INTO producers (run, id, term, sequence, seq) VALUES (?, ?, ?, ?, ?)',
  );
  const unique = db.prepare<[string, string, string], { run: string; hash: string }>(
    'SELECT run, hash FROM uniques WHERE tenant = ? AND scope = ? AND key = ?',
  );
  const putUnique = db.prepare('INSERT INTO uniques (tenant, scope, key, run, hash) VALUES (?, ?, ?, ?, ?)');

  return {
    producer: (run: number, id: string): ProducerState | undefined => producer.get(run, id),

    /** Whether the producer's row still is what the decision saw. A run that is new has no producers. */
    producerMoved(run: number | undefined, { id, was }: ProducerChange): boolean {
      const now = run === undefined ? undefined : producer.get(run, id);
      return now?.term !== was?.term || now?.sequence !== was?.sequence;
    },

    moveProducer(run: number, { id, term, sequence, last }: ProducerChange, first: number): void {
      putProducer.run(run, id, term, sequence, first + last);
    },

    unique: (tenant: string, scope: string, key: string) => unique.get(tenant, scope, key),

    takeUnique(tenant: string, { scope, key, hash }: Unique, run: string): void {
      putUnique.run(tenant, scope, key, run, hash);
    },
  };
}
