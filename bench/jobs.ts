// npm run bench -- jobs [--rounds 5] [--jobs 20000] [--seed 1] [--no-peers] [--quick] [--profile FOLDER]
// Jobs from add to complete, 200 in flight, one add per job on both sides: Millrace on SQLite (FULL) writes each
// job's whole log; the peers keep what they keep by default, with the best settings that their documentation names.
// Beside them the bare SQL of Millrace's work. Then 50 jobs a second: how soon after its add a handler begins.
import { parseArgs } from 'node:util';
import { installDebian, installPeer } from './harness/install.ts';
import type { JobRequest } from './harness/job-load.ts';
import { type Contender, interleave } from './harness/round.ts';
import { median } from './harness/statistics.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    jobs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const quick = values.quick;
const rounds = quick ? 1 : Number(values.rounds);
const request: JobRequest = {
  jobs: quick ? 400 : Number(values.jobs),
  inFlight: 200,
  rate: 50,
  seconds: quick ? 1 : 6,
  seed: Number(values.seed),
};
const fewer: JobRequest = { ...request, jobs: Math.ceil(request.jobs / 5) };

const ours = 'Millrace, SQLite';
const bare = { 4: 'bare SQL, 4 events', 6: 'bare SQL, 6 events' };
const contenders: (Contender & { request: unknown })[] = [
  { name: ours, file: 'contenders/millrace-jobs.ts', profile: values.profile, request },
  { name: bare[4], file: 'contenders/sqlite-jobs.ts', request: { ...request, events: 4 } },
  { name: bare[6], file: 'contenders/sqlite-jobs.ts', request: { ...request, events: 6 } },
];
if (!values['no-peers']) {
  installDebian('redis-server', 'BullMQ needs');
  for (const peer of ['bullmq', 'graphile-worker']) installPeer(peer);
  contenders.push(
    { name: 'BullMQ', file: 'peers/bullmq/jobs.ts', request },
    // Its single adds are slow: a fifth of the jobs, so that a round takes no minutes.
    { name: 'graphile-worker, local queue', file: 'peers/graphile-worker/jobs.ts', request: fewer },
    { name: '  drain alone, added in bulk', file: 'peers/graphile-worker/drain.ts', request },
  );
}

const { jobs, inFlight, rate, seconds, seed } = request;
console.log(
  `jobs: ${jobs} a round, ${inFlight} in flight, medians of ${rounds} interleaved rounds; then ${rate}/s for ${seconds} s; seed ${seed}`,
);
const answers = await interleave(rounds, contenders);
const figure = (name: string, of: string) =>
  median((answers.get(name) ?? []).map(({ figures }) => figures[of] as number));
const rates = (name: string) => (answers.get(name) ?? []).map(({ figures }) => figures.rate as number);
const ms = (value: number) => (Number.isNaN(value) ? '–' : value.toFixed(2)).padStart(10);

console.log('\n                             |   jobs/s | Millrace ÷ it |  add p50 ms | start p50 | start p99');
for (const { name } of contenders) {
  const ratio = median(rates(name).map((other, round) => (rates(ours)[round] as number) / other)).toFixed(2);
  console.log(
    `${name.padEnd(28)} | ${figure(name, 'rate').toFixed(0).padStart(8)} | ${ratio.padStart(13)} |${ms(figure(name, 'ack'))}   |${ms(figure(name, 'start'))} |${ms(figure(name, 'start99'))}`,
  );
}
console.log(
  `\nstart p50 ÷ commit p50 at ${rate} jobs/s: ${(figure(ours, 'start') / figure(ours, 'ack')).toFixed(2)}\n`,
);
for (const { name } of contenders) {
  const [last] = (answers.get(name) ?? []).slice(-1);
  console.log(`${name}: ${last?.figures.completed} jobs completed a round; ${last?.settings}`);
}
