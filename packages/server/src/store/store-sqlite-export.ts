import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import type { Database } from 'better-sqlite3';
import type {
  BlobRow,
  DocumentRow,
  DueRow,
  LeaseRow,
  QueueRow,
  ScheduleRow,
  Snapshot,
  StoredDefinition,
} from './store.ts';
import { type Chunk, pieceOf } from './store-sqlite-chunks.ts';
import { type OpenDatabase, openDatabase } from './store-sqlite-database.ts';
import { BETWEEN } from './store-sqlite-heads.ts';
import { present } from './store-sqlite-row.ts';
import { sqliteTables } from './store-sqlite-tables.ts';
import { SqliteWriter } from './store-sqlite-writer.ts';

/** A row of a run, which has a number inside the database; numbers grow with creation. */
interface Numbered {
  id: number;
}

export interface ExportedRun extends Numbered {
  tenant: string;
  run: string;
  head: number;
  ctl: number;
  at: number;
  ended: number;
  hold: number;
  owner: string | null;
  workflow: string;
  queue: string | null;
  status: string;
  shown: string;
  /** when the status last moved */
  moved: number;
  /** as JSON */
  summary: string;
}

/** A stretch of a run's log. */
export interface ExportedEvents extends Numbered {
  seq: number;
  texts: string[];
  /** seqs of the control events */
  controls: readonly number[];
}

type Tenanted<Row> = Row & { tenant: string };
type Placed<Row> = Row & { place: number };

/**
 * Everything that a data folder holds, table by table, to be read while nothing else has the folder open. What stood
 * only in the journal is written to the tables first; beside that the folder stays as it is. What servers remember of
 * their own batches is left out: it ends with the process.
 *
 * Errors: `data_folder_in_use`, `database_corrupt`, `database_too_new`, `storage_full`.
 */
export class SqliteExport {
  readonly #open: OpenDatabase;
  readonly #db: Database;

  constructor(options: { folder: string; clock: Clock }) {
    this.#open = openDatabase(options);
    this.#db = this.#open.db;
    try {
      const transaction = this.#db.transaction((work: () => unknown) => work()).immediate;
      new SqliteWriter(sqliteTables(this.#db), transaction, this.#open.late).settleAll();
    } catch (error) {
      this.#open.close();
      throw error;
    }
  }

  get epoch(): string {
    return this.#open.epoch;
  }

  /** How much there is to do. */
  count(): { runs: number; events: number } {
    const found = this.#db
      .prepare<[], { runs: number; events: number }>(
        'SELECT count(*) AS runs, coalesce(sum(h.head), 0) AS events FROM runs r JOIN heads h ON h.run = r.id',
      )
      .get();
    return found ?? { runs: 0, events: 0 };
  }

  runs = () =>
    this.#rows<ExportedRun>(
      `SELECT r.id, r.tenant, r.run, h.head, h.ctl, h.at, h.ended, r.hold, r.owner, r.workflow, r.queue, r.status,
         r.shown, r.at AS moved, r.summary FROM runs r JOIN heads h ON h.run = r.id ORDER BY r.id`,
    );

  deleted = () => this.#rows<Tenanted<Numbered & { run: string }>>('SELECT id, tenant, run FROM deleted ORDER BY id');

  /** Throws `database_corrupt` where a log has a hole. */
  *events(): Generator<ExportedEvents> {
    let last = { id: 0, through: 0 };
    for (const { id, ...chunk } of this.#rows<Numbered & Chunk>(
      `SELECT c.run AS id, c.seq, c.through, c.controls, c.text FROM chunks c JOIN runs r ON r.id = c.run
       ORDER BY c.run, c.seq`,
    )) {
      const { seq, count, text, controls } = pieceOf(chunk);
      const texts = text.split(BETWEEN);
      const expected = last.id === id ? last.through + 1 : 1;
      if (seq !== expected || texts.length !== count) {
        const detail = `The log of the run with the number ${id} has a hole at ${expected}.`;
        throw new MillraceError('database_corrupt', { detail });
      }
      last = { id, through: chunk.through };
      yield { id, seq, texts, controls };
    }
  }

  snapshots = () =>
    this.#rows<Numbered & Snapshot & { kind: string }>(
      'SELECT s.run AS id, s.kind, s.seq, s.fold, s.text FROM snapshots s JOIN runs r ON r.id = s.run',
    );

  producers = () =>
    this.#rows<Numbered & { producer: string; term: number; sequence: number; seq: number }>(
      'SELECT p.run AS id, p.id AS producer, p.term, p.sequence, p.seq FROM producers p JOIN runs r ON r.id = p.run',
    );

  uniques = () =>
    this.#rows<Tenanted<Numbered & { scope: string; key: string; hash: string }>>(
      `SELECT r.id, u.tenant, u.scope, u.key, u.hash FROM uniques u
       JOIN runs r ON r.tenant = u.tenant AND r.run = u.run`,
    );

  *queue(): Generator<{ id: number; place: number; delayed: boolean; row: QueueRow }> {
    for (const { id, place, delayed, gate, ...row } of this.#rows<StoredQueueRow>(
      `SELECT r.id, q.place, q.tenant, r.run, q.node, q.task, q.version, q.queue, q.priority, q.at, q.delayed, q.gate
       FROM queue q JOIN runs r ON r.id = q.run ORDER BY q.place`,
    )) {
      const [, slots, rate] = gate === null ? [] : (JSON.parse(gate) as [string, QueueRow['slots'], QueueRow['rate']]);
      const gates = { ...(slots ? { slots } : {}), ...(rate ? { rate } : {}) };
      yield { id, place, delayed: delayed === 1, row: { ...present(row), ...gates } };
    }
  }

  leases = () =>
    this.#rows<Numbered & Omit<LeaseRow, 'tenant' | 'run'>>(
      `SELECT l.run AS id, l.node, l.attempt, l.worker, l.boot, l.expires FROM leases l JOIN runs r ON r.id = l.run`,
    );

  due = () => this.#rows<Placed<DueRow>>('SELECT place, tenant, run, key, at, command FROM due ORDER BY place');

  waits = () =>
    this.#rows<Numbered & { text: string }>(
      'SELECT r.id, w.text FROM waits w JOIN runs r ON r.tenant = w.tenant AND r.run = w.run',
    );

  slots = () =>
    this.#rows<Tenanted<{ queue: string; key: string; used: number }>>('SELECT tenant, queue, key, used FROM slots');

  starts = () =>
    this.#rows<Tenanted<{ queue: string; key: string; at: number; until: number }>>(
      'SELECT tenant, queue, key, at, until FROM starts ORDER BY rowid',
    );

  *documents(): Generator<{ tenant: string; row: DocumentRow }> {
    for (const { tenant, ...row } of this.#rows<Tenanted<{ [Field in keyof DocumentRow]-?: DocumentRow[Field] }>>(
      `SELECT tenant, kb_id AS kbId, document_id AS documentId, file_name AS fileName, run, status, at, bytes, chunks,
         embeddings, error FROM documents`,
    )) {
      yield { tenant, row: present(row) };
    }
  }

  *schedules(): Generator<{ tenant: string; row: ScheduleRow }> {
    for (const { tenant, enabled, ...row } of this.#rows<Tenanted<Omit<ScheduleRow, 'enabled'> & { enabled: number }>>(
      `SELECT tenant, id, text, enabled, next_at AS nextAt, last_run AS lastRun, last_at AS lastAt FROM schedules`,
    )) {
      yield { tenant, row: { ...present(row), enabled: enabled === 1 } };
    }
  }

  grants = () =>
    this.#rows<Tenanted<{ id: string; run: string | null; expires: number; endedAt: number | null; text: string }>>(
      'SELECT tenant, id, run, expires, ended_at AS endedAt, text FROM grants',
    );

  definitions = () =>
    this.#rows<Tenanted<Placed<StoredDefinition>>>(
      'SELECT place, tenant, name, hash, at, text FROM definitions ORDER BY place',
    );

  *blobs(): Generator<Tenanted<BlobRow> & { data: Buffer }> {
    const chunks = this.#db.prepare<[number], Buffer>('SELECT data FROM blob_chunks WHERE blob = ? ORDER BY n').pluck();
    const found = this.#rows<Tenanted<BlobRow & Numbered>>('SELECT id, tenant, sha256, bytes, type FROM blobs');
    for (const { id, ...blob } of found) yield { ...blob, data: Buffer.concat(chunks.all(id)) };
  }

  close(): void {
    this.#open.close();
  }

  #rows<Row>(sql: string): IterableIterator<Row> {
    return this.#db.prepare<[], Row>(sql).iterate();
  }
}

interface StoredQueueRow extends Omit<QueueRow, 'version' | 'slots' | 'rate'> {
  id: number;
  place: number;
  version: string | null;
  delayed: number;
  gate: string | null;
}
