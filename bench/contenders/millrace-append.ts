// Producers that each wait for their acknowledgement before they append again, through the engine's public API.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'millrace';
import { Client } from 'pg';
import { type AppendRequest, appendedData, BY, speeds } from '../harness/append-load.ts';
import { contend } from '../harness/contender.ts';
import { inTurns } from '../harness/in-turns.ts';
import { storeEnv } from './millrace-store.ts';

const caller = { tenant: 'default', by: BY };

await contend<AppendRequest>(async ({ events, runs, producers }, onClose) => {
  const { env, settings } = await storeEnv('postgres', onClose);
  const data = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  onClose(() => rmSync(data, { recursive: true, force: true }));
  const server = await createServer({ env, data, port: 0, logLevel: 'silent' });
  onClose(() => server.close());
  const ids: string[] = [];
  await inTurns(runs, async (run) => {
    ids[run] = (await server.engine.create(caller, { workflow: 'bench', external: true })).id;
  });
  let next = 0;
  const pass = async (count: number, width = producers) => {
    const marks: number[] = [];
    const end = next + count;
    const produce = async () => {
      while (next < end) {
        const n = next++;
        await server.engine.append(caller, ids[n % runs] as string, {
          events: [{ type: 'log', node: 'bench', data: appendedData(n) }],
        });
        marks.push(performance.now());
      }
    };
    await Promise.all(Array.from({ length: width }, produce));
    return marks;
  };
  await pass(Math.ceil(events / 10));
  const began = performance.now();
  const found = speeds(began, await pass(events));
  const alone = Math.ceil(events / 100);
  const started = performance.now();
  await pass(alone, 1);
  const single = (alone * 1_000) / (performance.now() - started);
  const client = new Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  // What was appended is content; how a run begins is control.
  const { rows } = await client.query(
    'SELECT count(*)::int AS kept, avg(octet_length(text))::float8 AS bytes FROM millrace.events WHERE NOT control',
  );
  await client.end();
  const { kept, bytes } = rows[0] as { kept: number; bytes: number };
  if (kept !== next) throw new Error(`${kept} of ${next} events are in the log.`);
  return {
    settings: `${settings}, ${producers} waiting producers, embedded`,
    figures: { ...found, bytes, alone: single },
  };
});
