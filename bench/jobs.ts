// npm run bench -- jobs [--store sqlite|postgres] [--rounds 5] [--jobs 60000] [--seed 1] [--no-peers] [--write] [--quick]
//   [--profile FOLDER]; on Postgres a third as many jobs, because pg-boss takes its time
// Jobs from add to complete, 200 in flight, one add per job on both sides: Millrace (on SQLite FULL, or Postgres)
// writes each job's whole log; the peers keep what they keep by default, with the best settings that their documentation names.
// Beside them the bare SQL of Millrace's work. Then 50 jobs a second: how soon after its add a handler begins.
import { parseArgs } from 'node:util';
import { storeNamed } from './contenders/millrace-store.ts';
import { atLeast, atMost, type Claim } from './harness/claim.ts';
import { Figures } from './harness/figures.ts';
import { installDebian, installPeer } from './harness/install.ts';
import type { JobRequest } from './harness/job-load.ts';
import { report, short } from './harness/results.ts';
import { type Contender, runRound } from './harness/round.ts';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    rounds: { type: 'string', default: '5' },
    jobs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'no-peers': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const quick = values.quick;
const store = storeNamed(values.store);
const rounds = quick ? 1 : Number(values.rounds);
const request: JobRequest = {
  jobs: quick ? 400 : Number(values.jobs ?? (store === 'postgres' ? 20_000 : 60_000)),
  inFlight: 200,
  rate: 50,
  seconds: quick ? 1 : 6,
  seed: Number(values.seed),
};
const fewer: JobRequest = { ...request, jobs: Math.ceil(request.jobs / 5) };

const us = 'Millrace';
const bare = 'bare SQL, 4 events';
const target =
  store === 'sqlite' ? { bullmq: 2, 'graphile-worker': 1, bare: 0.6 } : { bullmq: 1.5, 'pg-boss': 0.9, bare: 0.6 };
const contenders: (Contender & { target?: number | undefined; request: object })[] = [
  { name: us, file: 'contenders/millrace-jobs.ts', profile: values.profile, request: { ...request, store } },
  { name: bare, file: `contenders/${store}-jobs.ts`, target: target.bare, request: { ...request, events: 4 } },
];
if (store === 'sqlite') {
  contenders.push({
    name: 'bare SQL, 6 events',
    file: 'contenders/sqlite-jobs.ts',
    request: { ...request, events: 6 },
  });
}
if (!values['no-peers']) {
  installDebian('redis-server', 'BullMQ needs');
  const peers = store === 'sqlite' ? ['bullmq', 'graphile-worker'] : ['bullmq', 'pg-boss'];
  for (const peer of peers) installPeer(peer);
  contenders.push({ name: 'BullMQ', file: 'peers/bullmq/jobs.ts', target: target.bullmq, request });
  if (store === 'postgres') {
    contenders.push({ name: 'pg-boss', file: 'peers/pg-boss/jobs.ts', target: target['pg-boss'], request });
  } else {
    contenders.push(
      // Its single adds are slow: a fifth of the jobs, so that a round takes no minutes.
      {
        ...{ name: 'graphile-worker, local queue', file: 'peers/graphile-worker/jobs.ts' },
        ...{ target: target['graphile-worker'], request: fewer },
      },
      { name: '  drain alone, added in bulk', file: 'peers/graphile-worker/drain.ts', request },
    );
  }
}

const figures = new Figures();
for (let round = 0; round < rounds; round++) {
  for (const one of contenders) figures.add('jobs', one.name, await runRound(one, one.request));
}
const claims = contenders.flatMap(({ name, target: least }): Claim[] =>
  least === undefined
    ? []
    : [{ what: `jobs/s, ${name}`, ...figures.ratio('jobs', 'rate', [us, name]), ...atLeast(least) }],
);
claims.push({
  what: `${request.rate} jobs/s: start p50 ÷ commit p50`,
  ...figures.ratio('jobs', ['start', 'ack'], [us, us]),
  ...atMost(2),
});
const columns = ['rate', 'ack', 'start', 'start99'];
report(
  {
    bench: store === 'sqlite' ? 'jobs' : `jobs --store ${store}`,
    method: [
      `${request.jobs} jobs a round after a tenth as many that do not count, ${request.inFlight} in flight, one add per job on all sides; then ${request.rate}/s for`,
      `${request.seconds} s; seed ${request.seed}; rounds: ${rounds}, interleaved, each in a process of its own with a database of its own. Millrace and the bare SQL write`,
      'each job’s whole log, which is checked; the peers keep what they keep by default.',
    ],
    claims,
    tables: [
      {
        head: ['', 'jobs/s', 'add p50 ms', 'start p50 ms', 'start p99 ms'],
        rows: contenders.map(({ name }) => [
          name,
          ...columns.map((column) => short(figures.median('jobs', name, column))),
        ]),
      },
    ],
    settings: contenders.map(({ name }) => [
      name,
      `${figures.last('jobs', name)?.completed} jobs completed a round; ${figures.settings('jobs', name)}`,
    ]),
    constants: { jobsPerSecond: figures.median('jobs', us, 'rate') },
  },
  values.write,
);
