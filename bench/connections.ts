// npm run bench -- connections [--rounds 1] [--connections 10000] [--write] [--no-peers] [--quick]
// Idle connections on one server: what each costs in the server's memory.
import { parseArgs } from 'node:util';
import { atLeast, atMost, type Claim } from './harness/claim.ts';
import { Figures } from './harness/figures.ts';
import { report, short } from './harness/results.ts';
import { channels, enter, millrace, peers } from './harness/roster.ts';
import { runRound } from './harness/round.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1' },
    connections: { type: 'string', default: '10000' },
    write: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { quick, profile } = values;
const rounds = quick ? 1 : Number(values.rounds);
const connections = quick ? 200 : Number(values.connections);
const runs = 10;

const contenders = enter(
  [millrace, channels, ...(values['no-peers'] ? [] : Object.values(peers))],
  'connections',
  () => ({
    ...{ runs, connections },
    before: Math.ceil(connections / 20),
  }),
);
const figures = new Figures();
for (let round = 0; round < rounds; round++) {
  for (const one of contenders) figures.add('connections', one.name, await runRound({ ...one, profile }, one.request));
}

const median = (name: string, figure: string) => figures.median('connections', name, figure);
const kilobytes = median(millrace.name, 'kilobytes');
const held = median(millrace.name, 'connections');
const heldBySocketIo = median(channels.name, 'connections');
const claims: Claim[] = [
  { what: 'server memory of an idle connection', ours: short(kilobytes), value: kilobytes, unit: ' KB', ...atMost(15) },
  { what: 'idle connections on one server', ours: short(held), value: held, unit: '', ...atLeast(10_000) },
  {
    what: "idle connections of Socket.IO's clients on one server",
    ...{ ours: short(heldBySocketIo), value: heldBySocketIo, unit: '' },
    ...atLeast(10_000),
  },
];
report(
  {
    bench: 'connections',
    method: [
      `${connections} connections that are authorised (where the server does that) and each follow one of ${runs} runs, rooms or streams, on which nothing`,
      'happens; server and load each hold fewer than 20,000 descriptors. Memory is the growth of the server’s resident set, after collecting',
      `its garbage before and after (NATS has none to collect on demand), divided by the connections. Rounds: ${rounds}.`,
    ],
    claims,
    tables: [
      {
        head: ['', 'KB a connection', 'of it JavaScript’s', 'server’s MB', 'connected/s'],
        rows: contenders.map(({ name }) => [
          name,
          ...['kilobytes', 'held', 'rss', 'perSecond'].map((figure) => short(median(name, figure))),
        ]),
      },
    ],
    settings: contenders.map(({ name }) => [name, figures.settings('connections', name)]),
  },
  values.write,
);
