import { DatabaseError } from 'pg';
import type { Batch, CommitResult, PartRefusal, PartResult } from './store.ts';
import { Unsent } from './store-postgres-connection.ts';
import type { PostgresDatabase } from './store-postgres-database.ts';
import { CHECK_VIOLATION, isLost, isPassing, isUndone, UNIQUE_VIOLATION } from './store-postgres-failure.ts';
import { nameIn } from './store-postgres-names.ts';
import type { RunNumbers } from './store-postgres-numbers.ts';
import { type Found, foundRows, type postgresQueue } from './store-postgres-queue.ts';
import { COMMIT, COMMIT_AND_LOOK, commitValues } from './store-postgres-values.ts';

/** What the database answers, by place of the parts. */
interface Answered {
  /** of the parts that were written */
  heads: (number | null)[] | null;
  /** empty where all of them are the batch's */
  ats: (number | null)[] | null;
  /** the batch's own, where it had been written before */
  at?: number;
  /** null = the part was written; empty where all of them were */
  reasons: (PartRefusal | null)[];
  /** the runs' numbers where one was not known; 0 = the part was not written */
  ids?: string[] | null;
}

interface Row {
  answer: Answered;
  /** by place of the batch's asks, where it has some */
  found?: Found[];
}

const FIND = `SELECT json_build_object('heads', heads, 'at', at, 'ats', ats, 'reasons', reasons) AS answer
  FROM millrace.commits WHERE server = $1 AND n = $2`;

/** Something was not what the decision saw, and the batch was undone for it: a producer, or a row that is there. */
const CONTRADICTED = 'MR001';

/** ms between two tries to learn what became of a batch; the first is made at once */
const FIRST_PAUSE = 25;
const LONGEST_PAUSE = 1_000;
/** how often a batch is sent again that Postgres undid */
const TRIES = 10;

/**
 * Writes a batch once, whatever happens to the connection: where it broke before the answer came, the same batch is
 * sent again until the database says what became of it. So what this throws was not written.
 */
export async function commitBatch(
  { database, queue }: { database: PostgresDatabase; queue: ReturnType<typeof postgresQueue> },
  batch: Batch,
): Promise<CommitResult> {
  const { writer: connection, numbers } = database;
  const { asks = [] } = batch;
  const key = [nameIn(batch.server), batch.n];
  const look = asks.length > 0 ? queue.lookValues(asks) : [];
  const text = asks.length > 0 ? COMMIT_AND_LOOK : COMMIT;
  let values = [...commitValues(batch, numbers, false), ...look];
  /** the connection broke, so the batch may have been written */
  let unsure = false;
  let written = false;
  for (let tries = 1; ; tries++) {
    try {
      const [row] = await connection.once<Row>(written ? FIND : text, written ? key : values);
      const parts = partsOf(row?.answer, batch, numbers);
      return row?.found ? { parts, claimable: foundRows(asks, row.found) } : { parts };
    } catch (error) {
      if (isRepeated(error)) written = true;
      else if (isContradicted(error) && tries < TRIES) values = [...commitValues(batch, numbers, true), ...look];
      else if (lacksPartition(error) && tries < TRIES) await database.makePartitions();
      else if (!isUndone(error) || tries >= TRIES) {
        unsure ||= written || (isLost(error) && !(error instanceof Unsent));
        const passes = error instanceof Unsent || isPassing(error);
        if (!unsure || !passes || connection.isClosed) throw connection.failure(error);
        if (tries > 1) await connection.pause(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(tries, 10)));
      }
    }
  }
}

const isRepeated = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === UNIQUE_VIOLATION && error.constraint === 'commits_pkey';

const isContradicted = (error: unknown): boolean =>
  error instanceof DatabaseError && (error.code === CONTRADICTED || error.code === UNIQUE_VIOLATION);

const lacksPartition = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === CHECK_VIOLATION && error.table === 'events';

function partsOf(answer: Answered | undefined, batch: Batch, numbers: RunNumbers): PartResult[] {
  const { heads, ats, at = batch.at, reasons = [], ids } = answer ?? {};
  return batch.parts.map((part, place): PartResult => {
    const reason = reasons[place] ?? null;
    if (reason === 'missing') numbers.drop(part);
    if (reason !== null) return { ok: false, reason };
    const id = ids?.[place];
    if (id !== undefined) numbers.set(part, BigInt(id));
    return { ok: true, first: (heads?.[place] as number) - part.events.length + 1, at: ats?.[place] ?? at };
  });
}
