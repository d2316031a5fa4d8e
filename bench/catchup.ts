// npm run bench -- catchup [--rounds 3] [--clients 1000] [--events 1000] [--write] [--no-peers] [--quick]
// Clients that have missed the last events of a run all come back at once: how long until each of them has everything.
import { parseArgs } from 'node:util';
import { atLeast, type Claim } from './harness/claim.ts';
import { Figures } from './harness/figures.ts';
import { report, short } from './harness/results.ts';
import { enter, millrace, peers } from './harness/roster.ts';
import { runRound } from './harness/round.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '1000' },
    events: { type: 'string', default: '1000' },
    write: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { quick, profile } = values;
const rounds = quick ? 1 : Number(values.rounds);
const clients = quick ? 20 : Number(values.clients);
const events = quick ? 300 : Number(values.events);
/** A thousand that restore their session from Redis' stream do not end in five minutes here. */
const fewer = Math.ceil(clients / 10);

const beside = values['no-peers'] ? [] : [peers.durable, peers.nats, peers.socketio, peers.streams];
const contenders = enter([millrace, ...beside], 'catchup', ({ name }) => ({
  clients: name === peers.streams.name ? fewer : clients,
  events,
}));
const figures = new Figures();
for (let round = 0; round < rounds; round++) {
  for (const one of contenders) figures.add('catchup', one.name, await runRound({ ...one, profile }, one.request));
}

const claims: Claim[] = [];
if (!values['no-peers']) {
  const { name } = peers.durable;
  claims.push({
    what: `${clients} clients × last ${events} events: speed, ${name}`,
    ...figures.ratio('catchup', 'perSecond', [millrace.name, name]),
    ...atLeast(5),
  });
}
report(
  {
    bench: 'catchup',
    method: [
      `One run of ${2 * events} events of 200 bytes; ${clients} clients stand at its middle and connect again, up to 256 at a time; rounds: ${rounds}. The`,
      'time is from the first connection to the last event of the last client, connecting and authorising included. durable-streams is read',
      'by one request a client, JetStream by one consumer a client, Socket.IO by its connection state recovery, for which its clients',
      `were there before. With redis-streams ${fewer} clients come back. Raw ws and the redis adapter keep nothing, so there is nothing to catch up with.`,
    ],
    claims,
    tables: [
      {
        head: ['', 'clients', 'ms', 'events/s'],
        rows: contenders.map(({ name, request }) => [
          name,
          String(request.clients),
          short(figures.median('catchup', name, 'ms')),
          short(figures.median('catchup', name, 'perSecond')),
        ]),
      },
    ],
    settings: contenders.map(({ name }) => [name, figures.settings('catchup', name)]),
  },
  values.write,
);
