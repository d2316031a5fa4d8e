import type { RunSummary } from '@millrace/protocol';
import { MillraceError } from '@millrace/protocol/error';
import type { WaitRow } from './store.ts';
import { numberArray, textArray } from './store-postgres-array.ts';
import type { Query } from './store-postgres-connection.ts';
import { LOCK, PostgresDatabase, type PostgresOptions } from './store-postgres-database.ts';
import { nameIn, shortName } from './store-postgres-names.ts';
import { queueRow } from './store-postgres-queue-row.ts';
import type { ExportedEvents, SqliteExport } from './store-sqlite-export.ts';

/** characters that one statement carries, about */
const BATCH = 1024 * 1024;

/** Tables that have a row as soon as anybody used the database. */
const USED = ['runs', 'commits', 'due', 'schedules', 'grants', 'definitions', 'documents', 'blobs'];

/**
 * Fills an empty Postgres database with all that a data folder holds, and gives it the folder's epoch, so that cursors
 * and retries of before go on. It is one transaction: where it is cut off, the database is as empty as it was.
 * `tell` hears now and then how many events are copied.
 *
 * Errors: `config_invalid` (the database is not empty), and those of opening and of writing a store.
 */
export async function importIntoPostgres(
  options: PostgresOptions,
  from: SqliteExport,
  tell: (events: number) => void,
): Promise<void> {
  const database = await PostgresDatabase.open({ ...options, connections: 2 });
  try {
    await database.connection.transaction(async (query) => {
      // Servers that start now wait; one that runs already cannot write.
      await query(LOCK);
      await query('LOCK TABLE millrace.runs IN EXCLUSIVE MODE');
      await refuseUsed(query, options.url);
      await fill(query, from, tell);
      await query("UPDATE millrace.meta SET value = $1 WHERE key = 'epoch'", [from.epoch]);
    });
  } finally {
    await database.close();
  }
}

async function refuseUsed(query: Query, url: string): Promise<void> {
  const [found] = await query<{ used: boolean }>(
    `SELECT ${USED.map((table) => `EXISTS (SELECT 1 FROM millrace.${table})`).join(' OR ')} AS used`,
  );
  if (!found?.used) return;
  const place = url.replace(/\/\/[^/]*@/, '//');
  const detail = `The database ${place} is in use by Millrace already; nothing was changed. Name an empty one.`;
  throw new MillraceError('config_invalid', { detail });
}

async function fill(query: Query, from: SqliteExport, tell: (events: number) => void): Promise<void> {
  const [first] = await query<{ number: string }>('SELECT millrace.run_number()::text AS number');
  const base = BigInt(first?.number ?? 0);
  // All runs come into the present partition, in the order of their creation.
  const numberOf = (id: number) => String(base + BigInt(id));
  const copy = (table: string, rows: Iterable<object>) => copyRows(query, table, rows);

  await copy(
    'runs',
    map(from.deleted(), ({ id, tenant, run }) => ({
      ...{ id: numberOf(id), tenant: nameIn(tenant), run: nameIn(run) },
      ...{ head: 0, ctl: 0, at: 0, ended: true, hold: false, gone: true },
    })),
  );
  await copy(
    'runs',
    map(from.runs(), ({ id, tenant, run, head, ctl, at, ended, hold }) => ({
      ...{ id: numberOf(id), tenant: nameIn(tenant), run: nameIn(run), head, ctl, at },
      ...{ ended: ended === 1, hold: hold === 1, gone: false },
    })),
  );
  await copy(
    'summaries',
    map(from.runs(), ({ id, tenant, owner, workflow, queue, status, shown, moved, summary }) => {
      const { external } = JSON.parse(summary) as RunSummary;
      const names = { tenant: nameIn(tenant), owner: owner && nameIn(owner), workflow: nameIn(workflow) };
      const more = { queue: queue && nameIn(queue), status, shown, external, at: moved, tags: tagsOf(summary) };
      return { run: numberOf(id), ...names, ...more, text: summary };
    }),
  );
  await copy(
    'tags',
    flatMap(from.runs(), ({ id, tenant, summary }) =>
      tagsOf(summary).map((tag) => ({ tenant: nameIn(tenant), tag, run: numberOf(id) })),
    ),
  );
  await copyEvents(query, from, String(base), tell);
  await copy(
    'snapshots',
    map(from.snapshots(), ({ id, ...row }) => ({ run: numberOf(id), ...row })),
  );
  await copy(
    'producers',
    map(from.producers(), ({ id, producer, ...row }) => ({
      ...{ run: numberOf(id), id: nameIn(producer), ...row },
    })),
  );
  await copy(
    'uniques',
    map(from.uniques(), ({ id, tenant, scope, key, hash }) => ({
      ...{ tenant: nameIn(tenant), scope: nameIn(scope), key: nameIn(key), run: numberOf(id), hash },
    })),
  );
  await copy(
    'queue',
    map(from.queue(), ({ id, place, delayed, row }) => ({
      ...{ run: numberOf(id), place, tenant: nameIn(row.tenant), delayed, ...queueRow(row) },
    })),
  );
  await copy(
    'leases',
    map(from.leases(), ({ id, node, worker, boot, ...row }) => ({
      ...{ run: numberOf(id), node: nameIn(node), worker: nameIn(worker), boot: nameIn(boot), ...row },
    })),
  );
  await copy(
    'due',
    map(from.due(), ({ tenant, run, key, ...row }) => ({
      ...{ tenant: nameIn(tenant), run: nameIn(run), name: shortName(key), key: nameIn(key), ...row },
    })),
  );
  await copy(
    'waits',
    map(from.waits(), ({ id: run, text }) => {
      const { tenant, id, kind, workflow, owner, requestedAt } = JSON.parse(text) as WaitRow;
      const names = { tenant: nameIn(tenant), id: nameIn(id), workflow: nameIn(workflow) };
      const more = { owner: owner === undefined ? null : nameIn(owner), requested_at: requestedAt };
      return { run: numberOf(run), ...names, kind, ...more, text };
    }),
  );
  await copy('slots', map(from.slots(), keyed));
  await copy('starts', map(from.starts(), keyed));
  await copy(
    'documents',
    map(from.documents(), ({ tenant, row }) => {
      const { kbId, documentId, status, at, bytes, chunks = 0, embeddings = 0 } = row;
      const names = { tenant: nameIn(tenant), kb: nameIn(kbId), id: nameIn(documentId) };
      return { ...names, status, at, bytes, chunks, embeddings, text: JSON.stringify(row) };
    }),
  );
  await copy(
    'schedules',
    map(from.schedules(), ({ tenant, row }) => ({
      ...{ tenant: nameIn(tenant), id: nameIn(row.id), text: JSON.stringify(row) },
    })),
  );
  await copy(
    'grants',
    map(from.grants(), ({ tenant, id, run, expires, endedAt, text }) => ({
      ...{ tenant: nameIn(tenant), id: nameIn(id), run: run && nameIn(run), expires, ended_at: endedAt, text },
    })),
  );
  await copy(
    'definitions',
    map(from.definitions(), ({ tenant, name, hash, ...row }) => ({
      ...{ tenant: nameIn(tenant), name: nameIn(name), hash: nameIn(hash), ...row },
    })),
  );
  for (const { tenant, sha256, bytes, type, data } of from.blobs()) {
    const values = [nameIn(tenant), sha256, bytes, nameIn(type), data];
    await query('INSERT INTO millrace.blobs (tenant, sha256, bytes, type, data) VALUES ($1, $2, $3, $4, $5)', values);
  }
  await query(`SELECT setval('millrace.place', greatest(1,
    (SELECT max(place) FROM millrace.queue), (SELECT max(place) FROM millrace.due),
    (SELECT max(place) FROM millrace.definitions)))`);
}

/** Rows as objects with the table's columns; a column that is left out is null. */
async function copyRows(query: Query, table: string, rows: Iterable<object>): Promise<void> {
  const texts = map(rows, (row) => ({ text: JSON.stringify(row) }));
  for (const batch of batches(texts, ({ text }) => text.length)) {
    await query(
      `INSERT INTO millrace.${table} SELECT * FROM json_populate_recordset(NULL::millrace.${table}, $1::json)`,
      [`[${batch.map(({ text }) => text).join(',')}]`],
    );
  }
}

async function copyEvents(
  query: Query,
  from: SqliteExport,
  base: string,
  tell: (events: number) => void,
): Promise<void> {
  let copied = 0;
  const sizeOf = ({ texts }: ExportedEvents) => texts.reduce((sum, text) => sum + text.length, 0);
  for (const batch of batches(from.events(), sizeOf)) {
    const events = batch.flatMap(({ id, seq, texts, controls }) => {
      const control = new Set(controls);
      return texts.map((text, place) => ({ id, seq: seq + place, control: control.has(seq + place), text }));
    });
    await query(
      `INSERT INTO millrace.events (run, seq, control, text)
       SELECT $1::bigint + e.run, e.seq, e.control = 1, e.text
       FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS e(run, seq, control, text)`,
      [
        base,
        numberArray(events.map(({ id }) => id)),
        numberArray(events.map(({ seq }) => seq)),
        numberArray(events.map(({ control }) => (control ? 1 : 0))),
        textArray(events.map(({ text }) => text)),
      ],
    );
    copied += events.length;
    tell(copied);
  }
  const { events } = from.count();
  if (copied !== events) {
    const detail = `The logs should have ${events} events and have ${copied}.`;
    throw new MillraceError('database_corrupt', { detail });
  }
}

const tagsOf = (summary: string): string[] => [...new Set((JSON.parse(summary) as RunSummary).tags.map(nameIn))];

const keyed = <Row extends { tenant: string; queue: string; key: string }>(row: Row): Row => ({
  ...row,
  ...{ tenant: nameIn(row.tenant), queue: nameIn(row.queue), key: shortName(row.key) },
});

function* map<From, To>(rows: Iterable<From>, change: (row: From) => To): Generator<To> {
  for (const row of rows) yield change(row);
}

function* flatMap<From, To>(rows: Iterable<From>, change: (row: From) => Iterable<To>): Generator<To> {
  for (const row of rows) yield* change(row);
}

function* batches<Row>(rows: Iterable<Row>, sizeOf: (row: Row) => number): Generator<Row[]> {
  let batch: Row[] = [];
  let size = 0;
  for (const row of rows) {
    batch.push(row);
    size += sizeOf(row);
    if (size < BATCH) continue;
    yield batch;
    batch = [];
    size = 0;
  }
  if (batch.length > 0) yield batch;
}
