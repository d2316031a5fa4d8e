// npm run bench -- across [--rounds 3] [--events 500] [--seed 1] [--write] [--quick]
// What it costs that a follower's server is not the one that an event was appended through: two servers, one Postgres,
// with Redis and without.
import { parseArgs } from 'node:util';
import { atMost, type Claim } from './harness/claim.ts';
import { Figures } from './harness/figures.ts';
import { installDebian } from './harness/install.ts';
import { report, short } from './harness/results.ts';
import { millrace } from './harness/roster.ts';
import { runRound } from './harness/round.ts';
import type { AcrossRequest } from './loads/across.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    events: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    // There are none here; every benchmark takes the option.
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { quick, profile } = values;
const rounds = quick ? 1 : Number(values.rounds);
const request = {
  ...{ ...millrace.wire, runs: 1, followers: quick ? 2 : 20, rate: 50 },
  ...{ events: quick ? 20 : Number(values.events), seed: Number(values.seed) },
};

installDebian('redis-server', 'hints between servers need');
const buses = [
  { name: 'Redis', bus: 'redis', target: 2 },
  { name: 'Postgres alone', bus: 'postgres', target: 10 },
] as const;
const figures = new Figures();
for (let round = 0; round < rounds; round++) {
  for (const { name, bus } of buses) {
    const asked: AcrossRequest = { ...request, bus };
    figures.add('across', name, await runRound({ name, file: 'loads/across.ts', profile }, asked));
  }
}
const columns = ['same50', 'same99', 'other50', 'other99'];
report(
  {
    bench: 'across',
    method: [
      `One run with ${request.followers} followers on each of two servers, ${request.rate} events/s at chance times through the first of them; ${request.events} events after a`,
      `fifth as many that do not count; seed ${request.seed}; rounds: ${rounds}, interleaved. From when an event was sent to when a follower read it.`,
    ],
    claims: buses.map(
      ({ name, target }): Claim => ({
        what: `${name}: p50 on the other server less that on the same`,
        ...figures.difference('across', ['other50', 'same50'], [name, name], ' ms'),
        ...atMost(target),
      }),
    ),
    tables: [
      {
        head: ['hints by', 'same server p50 ms', 'p99 ms', 'other server p50 ms', 'p99 ms'],
        rows: buses.map(({ name }) => [
          name,
          ...columns.map((column) => short(figures.median('across', name, column))),
        ]),
      },
    ],
    settings: buses.map(({ name }) => [name, figures.settings('across', name)]),
    constants: Object.fromEntries(
      buses.map(({ name, bus }) => [
        `${bus}HopMs`,
        figures.median('across', name, 'other50') - figures.median('across', name, 'same50'),
      ]),
    ),
  },
  values.write,
);
