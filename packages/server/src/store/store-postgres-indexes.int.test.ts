import { Client } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { commitAsSecond, ofLayout } from './postgres-layouts.rig.ts';
import { postgresStores } from './postgres-stores.suite.ts';
import type { Part } from './store.ts';
import { RunNumbers } from './store-postgres-numbers.ts';
import { COMMIT, commitValues } from './store-postgres-values.ts';
import {
  append,
  committer,
  content,
  control,
  end,
  everything,
  lease,
  newRun,
  queued,
  reasons,
  row,
  T0,
} from './store-samples.suite.ts';

const rig = postgresStores();
const { open } = rig;

const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
});

async function clientOf(url: string): Promise<Client> {
  const client = new Client(url);
  clients.push(client);
  await client.connect();
  return client;
}

test('[STO-162] a program of the second layout reads and writes the same runs beside one of the fourth', async () => {
  const url = await ofLayout(2, rig.databases);
  const second = await clientOf(url);
  let n = 0;
  const asSecond = async (parts: Part[]) => {
    expect(await commitAsSecond(second, { server: 'second', n: ++n, at: T0, parts })).toMatchObject({ reasons: [] });
  };
  const listed = async (status: string) => {
    const { rows } = await second.query<{ run: string }>(
      `SELECT r.run FROM millrace.summaries s JOIN millrace.runs r ON r.id = s.run
       WHERE s.tenant = 't' AND s.shown = ANY ($1) ORDER BY s.run DESC LIMIT 9`,
      [[status]],
    );
    return rows.map((found) => found.run);
  };
  const controls = async (name: string) => {
    const { rows } = await second.query<{ seq: number }>(
      `SELECT e.seq FROM millrace.events e JOIN millrace.runs r ON r.id = e.run
       WHERE r.run = $1 AND e.control AND e.seq > 1 ORDER BY e.seq`,
      [name],
    );
    return rows.map(({ seq }) => seq);
  };
  const long = Array.from({ length: 300 }, (_, place) => (place % 50 === 0 ? control() : content()));
  await asSecond(
    ['old', 'older'].map((name) => newRun(name, { events: long, row: row(name, { shown: { owner: 'ann' } }) })),
  );
  // What takes long may be built before.
  const { rows: partitions } = await second.query<{ name: string }>(
    "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'millrace.events'::regclass ORDER BY 1",
  );
  const partition = partitions[0]?.name;
  await second.query(`CREATE INDEX CONCURRENTLY built ON ${partition} (run, seq) WHERE control AND seq > 256`);

  const store = await open(url);
  const { rows: indexes } = await second.query<{ name: string }>(
    'SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary',
    [partition],
  );
  expect(indexes).toEqual([{ name: 'millrace.built' }]);
  const commit = committer(store);
  const list = async (query: { status?: string[]; owner?: string }) =>
    (await store.runRows({ tenant: 't', limit: 9, ...query })).rows.map((found) => found.run);
  const read = async (name: string) => {
    const page = await store.readControl({ tenant: 't', run: name }, 1, everything);
    return (JSON.parse(`[${page?.text}]`) as { seq: number }[]).map(({ seq }) => seq);
  };
  const late = [51, 101, 151, 201, 251];
  expect(await read('old')).toEqual(late);
  expect(await list({})).toEqual(['older', 'old']);

  await asSecond([newRun('theirs', { row: row('theirs', { shown: { owner: 'ann' } }) })]);
  expect(reasons(await commit([newRun('ours', { row: row('ours', { shown: { owner: 'ann' } }) })]))).toEqual(['ok']);
  await asSecond([append('old', { fence: { ctl: 251 }, events: [control()] }), end('ours')]);
  expect(reasons(await commit([end('old', { fence: { ctl: 301 } }), end('theirs')]))).toEqual(['ok', 'ok']);
  expect(await controls('old')).toEqual([...late, 301, 302]);
  expect(await read('old')).toEqual([...late, 301, 302]);
  for (const status of ['created', 'completed']) {
    expect(await list({ status: [status] })).toEqual(await listed(status));
  }
  expect(await list({ status: ['completed'] })).toEqual(['ours', 'theirs', 'old']);
  expect(await list({ owner: 'ann' })).toEqual(['ours', 'theirs', 'older', 'old']);
});

test('[STO-163] a batch and a claim look at their own rows only, though the queue and the leases were empty when Postgres last looked', async () => {
  const url = await rig.databases.ready();
  const client = await clientOf(url);
  const numbers = new RunNumbers();
  let n = 0;
  /** How many rows of these tables this connection's statements looked at. */
  const looked = async () => {
    const { rows } = await client.query<{ looked: number }>(
      `SELECT coalesce(sum(idx_tup_fetch), 0)::int AS looked FROM pg_stat_xact_user_tables
       WHERE relname IN ('queue', 'leases', 'runs', 'summaries', 'producers')`,
    );
    return rows[0]?.looked ?? 0;
  };
  const lookedIn = async (act: () => Promise<unknown>) => {
    await client.query('BEGIN');
    const before = await looked();
    await act();
    const after = await looked();
    await client.query('COMMIT');
    return after - before;
  };
  const commit = (parts: Part[]) =>
    lookedIn(async () => {
      const batch = { server: 's', n: ++n, at: T0, parts };
      const { rows } = await client.query(COMMIT, commitValues(batch, numbers, false));
      expect(rows).toMatchObject([{ answer: { reasons: [] } }]);
    });
  const claimed = () =>
    lookedIn(() =>
      client.query(
        `SELECT * FROM millrace.claimable_1('t', '[{"task": "work", "versions": []}]', NULL, ${T0}, 5, 's', 300)`,
      ),
    );
  const producers = [{ id: 'p', term: 1, sequence: 1, was: null, last: 0 }];
  const named = (from: number, size: number) => Array.from({ length: size }, (_, place) => `r${from + place}`);
  const made = (names: string[]) => commit(names.map((name) => newRun(name, { enqueue: [queued(name)] })));
  const started = (names: string[]) =>
    commit(names.map((name) => append(name, { dequeue: ['n'], lease: [lease(name)], producers })));
  const ended = (names: string[]) => commit(names.map((name) => end(name, { release: ['n'] })));
  const whole = async (names: string[]) => [
    ...[await made(names), await claimed(), await started(names), await ended(names)],
  ];
  await whole(named(0, 1));
  await client.query('ANALYZE');
  // A connection keeps the plan of a statement that it has used a few times.
  for (let round = 1; round < 10; round++) await whole(named(round, 1));
  await made(named(1_000, 600));
  await started(named(1_000, 300));
  for (const rows of await whole(named(2_000, 5))) expect(rows).toBeLessThan(5 * 10);
});
