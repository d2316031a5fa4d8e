// npm run bench -- append [--store sqlite|postgres] [--rounds 5] [--events 200000] [--write] [--quick]
// Appends through the engine's public API beside the bare insert of the same bytes into the same database: what
// durability, order and validation cost.
import { parseArgs } from 'node:util';
import { appendOnPostgres } from './append/postgres.ts';
import { appendOnSqlite } from './append/sqlite.ts';
import { storeNamed } from './contenders/millrace-store.ts';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    rounds: { type: 'string', default: '5' },
    events: { type: 'string', default: '200000' },
    write: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    // There are none here; every benchmark takes the option.
    'no-peers': { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { quick, write, profile } = values;
const rounds = quick ? 1 : Number(values.rounds);
if (storeNamed(values.store) === 'postgres') {
  await appendOnPostgres({ ...{ rounds, quick, write, profile }, events: Number(values.events) });
} else {
  await appendOnSqlite({ rounds, events: quick ? 1_000 : Number(values.events) });
}
