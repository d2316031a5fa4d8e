import { Client } from 'pg';
import { expect, test } from 'vitest';
import { run } from './postgres.rig.ts';
import { commitAsSecond, ofLayout } from './postgres-layouts.rig.ts';
import { postgresStores } from './postgres-stores.suite.ts';
import type { Part, RunKey } from './store.ts';
import {
  append,
  committer,
  content,
  end,
  everything,
  headOf,
  newRun,
  queued,
  reasons,
  T0,
} from './store-samples.suite.ts';

const rig = postgresStores();
const { open } = rig;

const key = (name: string): RunKey => ({ tenant: 't', run: name });
const deadlocks = 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()';

const list = (values: readonly (string | number)[]): string =>
  `'{${values.map((value) => JSON.stringify(value)).join()}}'`;

/** What a program of the first layout sends: one event for each of these runs, with its producer's next sequence. */
function appendAsFirst(url: string, n: number, names: readonly string[], sequence: number) {
  const all = (value: number) => list(names.map(() => value));
  const places = list(names.map((_, place) => place + 1));
  const texts = names.map(() => `'${content('old').text}'`);
  return run<{ answer: { firsts: number[]; reasons: (string | null)[] } }>(
    url,
    `SELECT millrace.commit_1('first', ${n}, ${T0}, ${list(names.map(() => 't'))}, ${list(names)}, ${all(1)}, ${all(1)},
       ${all(0)}, ${all(0)}, ${places}, ${all(1)}, ${all(0)}, ARRAY[${texts}], ${places}, ${list(names.map(() => 'old'))},
       ${all(1)}, ${all(sequence)}, ${all(sequence === 1 ? -1 : 1)}, ${all(sequence - 1 || -1)}, ${all(0)}, NULL) AS answer`,
  );
}

test('[STO-145] a database of the first layout is brought up to date, and its program goes on beside the next one', async () => {
  const url = await ofLayout(1, rig.databases);
  const names = Array.from({ length: 12 }, (_, place) => `run-${String(place).padStart(2, '0')}`);
  await run(
    url,
    `SELECT millrace.commit_1('first', 1, ${T0}, ${list(names.map(() => 't'))}, ${list(names)}, ${list(names.map(() => -1))},
       ${list(names.map(() => 1))}, ${list(names.map(() => 1))}, ${list(names.map(() => 0))},
       ${list(names.map((_, place) => place + 1))}, ${list(names.map(() => 1))}, ${list(names.map(() => 1))},
       array_fill('"type":"run.created"}'::text, ARRAY[12]), '{}', '{}', '{}', '{}', '{}', '{}', '{}',
       '${JSON.stringify({ create: names.map((_, place) => ({ part: place + 1, workflow: 'w', status: 'running', shown: 'running', external: true, tags: [], text: '{}' })) })}')`,
  );
  const store = await open(url);
  const commit = committer(store, 'next');
  const rounds = 30;
  // Both write all of the runs at the same time, in opposite order.
  const older = async () => {
    const answers: (string | null)[] = [];
    for (let n = 1; n <= rounds; n++) {
      const [row] = await appendAsFirst(url, n + 1, names, n);
      answers.push(...(row?.answer.reasons ?? ['lost']));
    }
    return answers;
  };
  const newer = async () => {
    const answers: string[] = [];
    for (let n = 1; n <= rounds; n++) {
      const was = n === 1 ? null : { term: 1, sequence: n - 1 };
      const producers = [{ id: 'new', term: 1, sequence: n, was, last: 0 }];
      answers.push(...reasons(await commit([...names].reverse().map((name) => append(name, { producers })))));
    }
    return answers;
  };
  const [old, recent] = await Promise.all([older(), newer()]);
  expect(new Set(old)).toEqual(new Set([null]));
  expect(new Set(recent)).toEqual(new Set(['ok']));
  expect(await run(url, deadlocks)).toEqual([{ deadlocks: 0 }]);
  for (const name of names) {
    const page = await store.readLog(key(name), 0, everything);
    const log = JSON.parse(`[${page?.text}]`) as { seq: number }[];
    expect(log.map(({ seq }) => seq)).toEqual(Array.from({ length: 1 + 2 * rounds }, (_, place) => place + 1));
    expect(await store.producer(key(name), 'old')).toMatchObject({ sequence: rounds });
  }
  // The older program finds its own batches, and those of the other.
  expect(await store.commitsAfter('next', rounds - 1, 10)).toMatchObject([{ n: rounds }]);
});

test('[STO-145] a program of the second layout claims and commits beside one whose commits ask', async () => {
  const url = await ofLayout(2, rig.databases);
  const store = await open(url);
  const client = new Client(url);
  await client.connect();
  let n = 0;
  const asSecond = async (parts: Part[]) => {
    expect(await commitAsSecond(client, { server: 'second', n: ++n, at: T0, parts })).toMatchObject({ reasons: [] });
  };
  const names = Array.from({ length: 40 }, (_, place) => `run-${String(place).padStart(2, '0')}`);
  await asSecond(names.map((name) => newRun(name, { enqueue: [queued(name)] })));
  const started = (found: readonly string[]) => found.map((name) => append(name, { dequeue: ['n'] }));
  const older = async () => {
    const told: string[] = [];
    for (let found = ['']; found.length > 0; ) {
      const asked = `SELECT run FROM millrace.claimable_1('t', '[{"task": "work", "versions": []}]', NULL, ${T0}, 3, 'second', 300)`;
      found = (await client.query<RunKey>(asked)).rows.map((row) => row.run);
      await asSecond(started(found));
      told.push(...found);
    }
    return told;
  };
  const newer = async () => {
    const commit = committer(store, 'next');
    const told: string[] = [];
    for (let found: string[] | undefined; found === undefined || found.length > 0; ) {
      const ask = { tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 3 };
      const { claimable } = await commit(started(found ?? []), T0, [ask]);
      found = claimable?.[0]?.map((row) => row.run) ?? [];
      told.push(...found);
    }
    return told;
  };
  const [old, recent] = await Promise.all([older(), newer()]).finally(() => client.end());
  expect(recent).not.toEqual([]);
  expect([...old, ...recent].sort()).toEqual(names);
  expect(await run(url, deadlocks)).toEqual([{ deadlocks: 0 }]);
});

test('[STO-146] of a batch that a producer contradicts only its part drops out, with all that it would have done', async () => {
  const url = await rig.databases.ready();
  const store = await open(url);
  const [one, other] = [committer(store, 'a'), committer(await open(url), 'b')];
  const by = (name: string, sequence: number, about: Partial<Part> = {}): Part => {
    const was = sequence === 1 ? null : { term: 1, sequence: sequence - 1 };
    return append(name, { producers: [{ id: 'p', term: 1, sequence, was, last: 0 }], ...about });
  };
  await one([newRun('r'), newRun('s'), newRun('u')]);
  expect(reasons(await other([by('s', 1)]))).toEqual(['ok']);
  const work = (name: string) => ({ enqueue: [queued(name)] });
  const parts = [by('r', 1, work('r')), by('s', 1, work('s')), append('x'), newRun('u')];
  const told = await one(parts, T0, [{ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 }]);
  expect(reasons(told)).toEqual(['ok', 'producer', 'missing', 'exists']);
  expect(told.claimable).toEqual([[queued('r')]]);
  expect(reasons(await one([by('r', 2), by('s', 2), end('u')]))).toEqual(['ok', 'ok', 'ok']);
  expect(await Promise.all(['r', 's', 'u'].map((name) => headOf(store, name)))).toEqual([3, 3, 2]);
  expect(await store.producer(key('s'), 'p')).toEqual({ term: 1, sequence: 2, seq: 3 });
});

test('[STO-147] a server whose database was put back to another history asks for its runs anew', async () => {
  const url = await rig.databases.ready();
  const store = await open(url);
  const commit = committer(store, 'a');
  await commit([newRun('r'), newRun('s')]);
  expect(reasons(await commit([append('r')]))).toEqual(['ok']);
  // As after a restore from a dump; there the run has another number.
  await run(
    url,
    `UPDATE millrace.summaries SET run = run + 4194304; UPDATE millrace.events SET run = run + 4194304;
     UPDATE millrace.runs SET id = id + 4194304;
     ALTER TABLE millrace.meta RENAME TO before;
     CREATE TABLE millrace.meta (LIKE millrace.before INCLUDING ALL);
     INSERT INTO millrace.meta SELECT * FROM millrace.before;
     DROP TABLE millrace.before;
     SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  await store.check();
  expect(reasons(await commit([append('r', { events: [content('again')] })]))).toEqual(['ok']);
  expect(await headOf(store, 'r')).toBe(3);
});
