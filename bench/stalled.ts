// npm run bench -- stalled [--rounds 3] [--seconds 60] [--write] [--no-peers] [--quick]
// One of 20 readers of a run of 4 MB/s stops reading: what the server holds for it, and what the 19 others notice.
import { parseArgs } from 'node:util';
import { atMost, type Claim } from './harness/claim.ts';
import { Figures } from './harness/figures.ts';
import { report, short } from './harness/results.ts';
import { enter, millrace, peers } from './harness/roster.ts';
import { runRound } from './harness/round.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '60' },
    write: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { quick, profile } = values;
const rounds = quick ? 1 : Number(values.rounds);
const long = quick ? 0.3 : Number(values.seconds);
const brief = Math.min(long, 8);
const load = { others: 19, bytesPerSecond: 4_000_000, eventBytes: 4_000 };
/** s of the load before it is measured: in 20, Millrace fills its database's cache of 64 MB */
const settle = quick ? 0 : 20;
const warm = Math.min(settle, 4);

const contenders = enter([millrace, ...(values['no-peers'] ? [] : [peers.socketio])], 'stalled', () => load);
const [ours] = contenders as [(typeof contenders)[0]];
const figures = new Figures();
const run = async (name: string, one: typeof ours, request: { seconds: number; settle: number; stalls: boolean }) =>
  figures.add('stalled', name, await runRound({ ...one, profile }, { ...one.request, ...request }));

const names = {
  long: `Millrace, one stalled for ${long} s`,
  stalled: `Millrace, one stalled for ${brief} s, in turn with`,
  reading: `Millrace, all reading for ${brief} s`,
};
await run(names.long, ours, { seconds: long, settle, stalls: true });
for (let round = 0; round < rounds; round++) {
  await run(names.stalled, ours, { seconds: brief, settle: warm, stalls: true });
  await run(names.reading, ours, { seconds: brief, settle: warm, stalls: false });
}
for (const one of contenders.slice(1)) {
  await run(`${one.name}, one stalled for ${brief} s`, one, { seconds: brief, settle: warm, stalls: true });
}

const median = (name: string, figure: string) => figures.median('stalled', name, figure);
const grown = median(names.long, 'grown');
const claims: Claim[] = [
  {
    what: 'server memory that one of 20 stalled readers costs',
    ours: short(grown),
    value: grown,
    unit: ' MB',
    ...atMost(20),
  },
  {
    what: 'p99 ms of the 19 others beside the same load without it',
    ...figures.ratio('stalled', 'p99', [names.stalled, names.reading]),
    ...atMost(1.5),
  },
];
const rows = [...Object.values(names), ...contenders.slice(1).map(({ name }) => `${name}, one stalled for ${brief} s`)];
report(
  {
    bench: 'stalled',
    method: [
      `A run of 1,000 events a second of 4,000 bytes each, and 20 readers, of which one reads nothing for ${long} s; then it wakes, and the round`,
      `fails unless it gets every event that it missed. Memory is the growth of the server’s resident set after collecting its garbage, while`,
      `the reader still sleeps, against what it was after ${settle} s of the same load with all reading. Then with and without the sleeper`,
      `in turn, rounds: ${rounds}, of ${brief} s, for what the others notice.`,
    ],
    claims,
    tables: [
      {
        head: [
          '',
          'others’ p50 ms',
          'p99 ms',
          'grown MB',
          'at its peak',
          'JavaScript’s',
          'events missed',
          'caught up in ms',
        ],
        rows: rows.map((name) => [
          name,
          ...['p50', 'p99', 'grown', 'peak', 'held', 'missing', 'caughtUp'].map((figure) =>
            short(median(name, figure)),
          ),
        ]),
      },
    ],
    settings: [[millrace.name, figures.settings('stalled', names.long)]],
  },
  values.write,
);
