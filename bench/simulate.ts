// npm run bench -- simulate [--events 10000] [--jobs 0] [--followers 10] [--results FILE] [--measure] [--write]
// What a cluster must be for a load, reckoned from what the benchmarks measured and kept (bench/results.json): how many
// databases and servers, how long an acknowledgement takes, and where one Postgres ends. --measure runs those benchmarks
// first; --write puts the tables into docs/scaling.md.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BUSY, type ClusterConstants, limitOf, sizeCluster } from './harness/cluster-model.ts';
import { readResults, short, tableText } from './harness/results.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '10000' },
    jobs: { type: 'string', default: '0' },
    followers: { type: 'string', default: '10' },
    results: { type: 'string' },
    measure: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

/** Where each constant comes from, and what it is, in words. */
const sources: Record<keyof ClusterConstants, [bench: string, what: string]> = {
  eventsPerSecond: ['append --store postgres', 'events/s that one Postgres takes from one server'],
  commitsPerSecond: ['append --store postgres', 'events/s of one producer that waits for each'],
  eventBytes: ['append --store postgres', 'bytes an event'],
  jobsPerSecond: ['jobs --store postgres', 'jobs/s from add to complete, each with its whole log'],
  deliveriesPerCore: ['fanout', 'deliveries/s of one hot run that a server’s core makes'],
  eventMicroseconds: ['fanout', 'µs of a server’s core for an event with one follower'],
  redisHopMs: ['across', 'ms more to a follower on another server, with Redis'],
  postgresHopMs: ['across', 'ms more to a follower on another server, without Redis'],
};
const names = Object.keys(sources) as (keyof ClusterConstants)[];

if (values.measure) {
  for (const bench of new Set(Object.values(sources).map(([name]) => name))) {
    const args = [...process.execArgv, fileURLToPath(new URL('./bench.ts', import.meta.url)), ...bench.split(' ')];
    execFileSync(process.execPath, [...args, '--write'], { stdio: 'inherit' });
  }
}
const constants = constantsOf(readResults(values.results));

const load = { events: Number(values.events), jobs: Number(values.jobs), followers: Number(values.followers) };
const steps = [0.25, 0.5, 1, 2, 4, 8].map((times) => ({ ...load, events: load.events * times }));
const text = [
  tableText({
    head: ['measured', '', 'npm run bench --'],
    rows: names.map((name) => [sources[name][1], short(constants[name]), sources[name][0]]),
  }),
  `One Postgres is busy to ${BUSY * 100} % at ${short(limitOf(constants))} events/s.\n`,
  tableText({
    head: ['events/s', 'jobs/s', 'followers', 'databases', 'each busy', 'ack ms', 'servers', 'GB a day'],
    rows: steps.map((step) => {
      const found = sizeCluster(constants, step);
      return [
        ...[short(step.events), short(step.jobs), short(step.followers), String(found.databases)],
        ...[`${(found.databaseShare * 100).toFixed(0)} %`, short(found.acknowledgedMs), String(found.servers)],
        short(found.bytesADay / 1e9),
      ];
    }),
  }),
].join('\n');
console.log(text);

if (values.write) {
  const page = new URL('../docs/scaling.md', import.meta.url);
  const marks = /(<!-- measured -->\n)[\s\S]*?(<!-- \/measured -->)/;
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(marks, (_all, begin: string, end: string) => `${begin}\n${text}\n${end}`),
  );
}

/** Fails where one was not measured yet, with what to run. */
function constantsOf(results: ReturnType<typeof readResults>): ClusterConstants {
  const of = (name: keyof ClusterConstants): number =>
    results.find(({ bench }) => bench === sources[name][0])?.constants?.[name] ?? Number.NaN;
  const missing = names.filter((name) => !Number.isFinite(of(name)));
  if (missing.length > 0) {
    const commands = [...new Set(missing.map((name) => `npm run bench -- ${sources[name][0]} --write`))];
    throw new Error(`Not measured yet: ${missing.join(', ')}. Run:\n  ${commands.join('\n  ')}\nor add --measure.`);
  }
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<keyof ClusterConstants, number>;
}
