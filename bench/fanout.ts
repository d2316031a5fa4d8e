// npm run bench -- fanout [--rounds 3] [--seconds 1.5] [--servers 2 | --dialect channels] [--seed 1] [--write] [--no-peers] [--quick]
// Events that are kept and delivered live: one hot run to 100 and to 1,000 subscribers, and 1,000 runs with one each.
// Server and load are processes of their own; the load checks every seq of every subscriber.
import { parseArgs } from 'node:util';
import { atLeast, atMost, type Claim } from './harness/claim.ts';
import { BATCH, REQUESTS, SUSTAINED_MS } from './harness/crowd.ts';
import { Figures } from './harness/figures.ts';
import { report, short, type Table } from './harness/results.ts';
import { channels, enter, millrace, peers } from './harness/roster.ts';
import { runRound } from './harness/round.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.5' },
    servers: { type: 'string', default: '1' },
    dialect: { type: 'string' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { quick, profile } = values;
const servers = Number(values.servers);
const rounds = quick ? 1 : Number(values.rounds);
const seconds = quick ? 0.2 : Number(values.seconds);
const seed = Number(values.seed);
const [hundred, thousand] = quick ? [10, 20] : [100, 1_000];
const calm = 50;
const many = { runs: thousand, rate: thousand * 20 };
const { dialect } = values;
if (dialect !== undefined && dialect !== 'channels') throw new Error('--dialect is channels, or left out.');
const us = dialect ? channels : millrace;
const single = servers === 1 && !dialect;

const beside = values['no-peers']
  ? []
  : dialect
    ? [peers.socketio]
    : single
      ? [peers.ws, peers.socketio, peers.redis, peers.streams, peers.durable, peers.nats]
      : [peers.redis, peers.streams];
const hot = enter([us, ...beside], 'hundred', () => ({ subscribers: hundred, seconds, calm, seed, servers }));
const pair = values['no-peers'] ? [millrace] : [peers.socketio, millrace];
const wide = single ? enter(pair, 'thousand', () => ({ subscribers: thousand, seconds, tries: quick ? 2 : 12 })) : [];
const each = single
  ? enter(values['no-peers'] ? [millrace] : [millrace, peers.ws, peers.socketio], 'many', () => ({ ...many, seconds }))
  : [];

const figures = new Figures();
for (let round = 0; round < rounds; round++) {
  for (const one of hot) figures.add('hundred', one.name, await runRound({ ...one, profile }, one.request));
  for (const one of wide) {
    // Millrace is also asked for four times what Socket.IO sustained in this round.
    const theirs = figures.last('thousand', peers.socketio.name)?.rate;
    const also = one.name === millrace.name && theirs !== undefined ? { also: 4 * theirs } : {};
    figures.add('thousand', one.name, await runRound({ ...one, profile }, { ...one.request, ...also }));
  }
  for (const one of each) figures.add('many', one.name, await runRound({ ...one, profile }, one.request));
}

const least = dialect ? 5 : single ? 10 : 12;
const claims: Claim[] = [];
if (!values['no-peers']) {
  for (const { name } of single ? [peers.socketio] : beside) {
    const names: [string, string] = [us.name, name];
    claims.push(
      {
        what: `hot run to ${hundred}: deliveries/s, ${name}`,
        ...figures.ratio('hundred', 'deliveries', names),
        ...atLeast(least),
      },
      {
        what: `hot run to ${hundred}: p99 ms, ${name}`,
        ...figures.ratio('hundred', 'p99', names),
        ...atMost(dialect || single ? 0.5 : 0.3),
      },
    );
  }
}
if (single && !values['no-peers']) {
  const names: [string, string] = [us.name, peers.socketio.name];
  claims.push(
    {
      what: `run to ${thousand}: highest events/s, Socket.IO`,
      ...figures.ratio('thousand', 'rate', names),
      ...atLeast(4),
    },
    {
      what: `run to ${thousand}: p99 ms at 4 times its rate, Socket.IO`,
      ...figures.ratio('thousand', ['also99', 'p99'], names),
      ...atMost(0.25),
    },
    {
      what: `run to ${hundred}, ${calm} events/s: p50 less that of raw ws`,
      ...figures.difference('hundred', 'calm50', [us.name, peers.ws.name], ' ms'),
      ...atMost(1),
    },
    {
      what: `${thousand} runs to 1 each: server µs an event, Socket.IO`,
      ...figures.ratio('many', 'cpu', names),
      ...atMost(0.6),
    },
    { what: 'the same, all runs at once', ...figures.ratio('many', 'wave', names), ...atMost(0.6) },
  );
}

const cells = (part: string, name: string, of: string[]) =>
  of.map((figure) => short(figures.median(part, name, figure)));
const tables: Table[] = [
  {
    head: [
      `one run to ${hundred}`,
      'deliveries/s',
      'p50 ms',
      'p99 ms',
      'server CPU',
      'load CPU',
      `p50 at ${calm}/s`,
      'p99',
    ],
    rows: hot.map(({ name }) => [
      name,
      ...cells('hundred', name, ['deliveries', 'p50', 'p99', 'serverCpu', 'loadCpu', 'calm50', 'calm99']),
    ]),
  },
  {
    head: [
      `one run to ${thousand}`,
      'highest events/s',
      'p50 ms',
      'p99 ms',
      'server CPU',
      'load CPU',
      'beside it at',
      'p50 ms',
      'p99 ms',
    ],
    rows: wide.map(({ name }) => [
      name,
      ...cells('thousand', name, ['rate', 'p50', 'p99', 'serverCpu', 'loadCpu', 'also', 'also50', 'also99']),
    ]),
  },
  {
    head: [`${thousand} runs to 1 each`, `µs an event at ${many.rate}/s`, 'all runs at once'],
    rows: each.map(({ name }) => [name, ...cells('many', name, ['cpu', 'wave'])]),
  },
].filter(({ rows }) => rows.length > 0);

report(
  {
    bench: dialect ? `fanout --dialect ${dialect}` : single ? 'fanout' : `fanout --servers ${servers}`,
    method: [
      `Events of 200 bytes; rounds: ${rounds}, of ${seconds} s after a quarter of it that does not count; seed ${seed}. Events are posted by the`,
      `load, ${BATCH} in a request and ${REQUESTS} requests on their way until every subscriber has them (hot), single ones at chance times (calm), or`,
      'every 10 ms what is due. A latency is from when an event was due to when a subscriber read it. Every subscriber’s every seq is checked: a',
      'message is parsed once, and the others must be the very same bytes. Subscribers are bare sockets on all sides, so that the load is not what is',
      `measured; CPU is in shares of one core. A rate is sustained when p99 and what the last event takes stay under ${SUSTAINED_MS} ms.`,
      ...(single
        ? [
            'The last table’s events are made in the server’s own process, at even times or one in every run at once; the CPU time is that process’s.',
          ]
        : []),
    ],
    ...{ claims, tables },
    settings: hot.map(({ name }) => [name, figures.settings('hundred', name)]),
    ...(single && {
      constants: {
        deliveriesPerCore:
          figures.median('hundred', us.name, 'deliveries') / figures.median('hundred', us.name, 'serverCpu'),
        eventMicroseconds: figures.median('many', us.name, 'cpu'),
      },
    }),
  },
  values.write,
);
