// npm run bench -- attach [--rounds 5] [--events 1000000] [--write] [--quick]
// A client without anything looks at a long run and at a short one that shows the same: how soon it has the right view.
import { parseArgs } from 'node:util';
import { atMost, type Claim } from './harness/claim.ts';
import { report, short } from './harness/results.ts';
import { runRound } from './harness/round.ts';
import type { AttachRequest } from './loads/attach.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    events: { type: 'string', default: '1000000' },
    write: { type: 'boolean', default: false },
    // There are none here; every benchmark takes the option.
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { quick, profile } = values;
const request: AttachRequest = {
  events: quick ? 5_000 : Number(values.events),
  few: 1_000,
  rounds: quick ? 1 : Number(values.rounds),
};
const { settings, figures } = await runRound({ name: 'Millrace', file: 'loads/attach.ts', profile }, request);

const looks = [
  ['first', 'a run that nobody has seen yet, server just started'],
  ['cold', 'server just started'],
  ['warm', 'warm server'],
] as const;
const figure = (name: string) => figures[name] ?? Number.NaN;
const claims = looks.map(
  ([name, what]): Claim => ({
    what: `first view, ${what}`,
    ours: `${short(figure(`${name}Long`))} ms`,
    theirs: `${short(figure(`${name}Short`))} ms`,
    value: figure(`${name}Long`) / figure(`${name}Short`),
    unit: '×',
    ...atMost(1.5),
  }),
);
report(
  {
    bench: 'attach',
    method: [
      `A run of ${request.events} events beside one of ${request.few} (in the column “beside”), which end with the same lines. The time is from asking on an`,
      'open connection to having the view as an object; every view has to equal the fold of the whole log, which the load reads by pages.',
      `Medians of ${request.rounds} servers each, in turn; of the first look at a run, each on its own copy of the data; of five looks at a warm server after each.`,
    ],
    claims,
    tables: [],
    settings: [['Millrace', settings]],
  },
  values.write,
);
