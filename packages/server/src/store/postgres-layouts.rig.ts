import { Client } from 'pg';
import { postgres0001 } from './migrations/postgres-0001.ts';
import { postgres0001claim } from './migrations/postgres-0001-claim.ts';
import { postgres0001commit } from './migrations/postgres-0001-commit.ts';
import { postgres0001deletion } from './migrations/postgres-0001-deletion.ts';
import { postgres0001gates } from './migrations/postgres-0001-gates.ts';
import { postgres0001rows } from './migrations/postgres-0001-rows.ts';
import { postgres0002commit } from './migrations/postgres-0002-commit.ts';
import { postgres0002judge } from './migrations/postgres-0002-judge.ts';
import { type PostgresDatabases, run } from './postgres.rig.ts';
import type { Batch } from './store.ts';
import { textArray } from './store-postgres-array.ts';
import { queryOf } from './store-postgres-connection.ts';
import { RunNumbers } from './store-postgres-numbers.ts';
import { makePartitions } from './store-postgres-partitions.ts';
import { queueRow } from './store-postgres-queue-row.ts';
import { commitValues } from './store-postgres-values.ts';

const layouts = [
  [postgres0001, postgres0001gates, postgres0001rows, postgres0001commit, postgres0001claim, postgres0001deletion],
  [postgres0002judge, postgres0002commit],
];

/** A database as the program of this layout left it. */
export async function ofLayout(version: number, databases: PostgresDatabases): Promise<string> {
  const url = await databases.empty();
  const meta = `CREATE TABLE millrace.meta (key text PRIMARY KEY, value text NOT NULL);
    INSERT INTO millrace.meta VALUES ('version', '${version}'), ('minReader', '1');`;
  await run(url, ['CREATE SCHEMA millrace;', meta, ...layouts.slice(0, version).flat()].join('\n'));
  const client = new Client(url);
  await client.connect();
  await makePartitions(queryOf(client));
  await client.end();
  return url;
}

/** Places among the parameters of `commit_4`: of the tags, and from and to of what `commit_2` takes as JSON. */
const TAGS = 30;
const QUEUE = 41;
const REST = 48;

/** What a program of the second layout sends. */
export async function commitAsSecond(client: Client, batch: Batch): Promise<unknown> {
  const values = commitValues(batch, new RunNumbers(), false);
  const rest = JSON.parse((values[REST] as string | null) ?? '{}') as object;
  const enqueue = batch.parts.flatMap((part, place) =>
    (part.enqueue ?? []).map((row) => ({ part: place + 1, ...queueRow(row) })),
  );
  const rows = batch.parts.filter(({ row }) => row);
  const taken = [...values.slice(0, QUEUE), enqueue.length > 0 ? JSON.stringify({ ...rest, enqueue }) : values[REST]];
  if (rows.length > 0) taken[TAGS] ??= textArray(rows.map(() => '{}'));
  const places = taken.map((_, place) => `$${place + 1}`).join(', ');
  const { rows: answers } = await client.query<{ answer: unknown }>(
    `SELECT millrace.commit_2(${places}) AS answer`,
    taken,
  );
  return answers[0]?.answer;
}
