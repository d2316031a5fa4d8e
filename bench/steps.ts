// npm run bench -- steps [--store sqlite|postgres] [--rounds 5] [--workflows 1280] [--steps 50] [--no-peers] [--write] [--quick]
//   [--profile FOLDER]
// Durable steps, each recorded before the next begins: 64 workflows in flight on both sides. Then one workflow of
// 1,000 steps alone: what a step costs at its end against its beginning.
import { parseArgs } from 'node:util';
import { storeNamed } from './contenders/millrace-store.ts';
import { atLeast, atMost, type Claim } from './harness/claim.ts';
import { Figures } from './harness/figures.ts';
import { installPeer } from './harness/install.ts';
import { report, short } from './harness/results.ts';
import { type Contender, runRound } from './harness/round.ts';
import type { StepRequest } from './harness/step-load.ts';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    rounds: { type: 'string', default: '5' },
    workflows: { type: 'string', default: '1280' },
    steps: { type: 'string', default: '50' },
    'no-peers': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const quick = values.quick;
const store = storeNamed(values.store);
const rounds = quick ? 1 : Number(values.rounds);
const request: StepRequest = {
  workflows: quick ? 8 : Number(values.workflows),
  inFlight: quick ? 8 : 64,
  steps: quick ? 5 : Number(values.steps),
  long: quick ? 120 : 1_000,
};
/** DBOS gets a fifth of the workflows, so that its round takes no minutes; as many are in flight. */
const fewer: StepRequest = { ...request, workflows: Math.max(request.inFlight, Math.round(request.workflows / 5)) };

const us = 'Millrace';
const dbos = 'DBOS, Postgres';
const contenders: (Contender & { request: StepRequest })[] = [
  {
    ...{ name: us, file: 'contenders/millrace-steps.ts', profile: values.profile },
    request: { ...request, store } as StepRequest,
  },
];
if (!values['no-peers']) {
  installPeer('dbos');
  contenders.push({ name: dbos, file: 'peers/dbos/steps.ts', request: fewer });
}

const figures = new Figures();
for (let round = 0; round < rounds; round++) {
  for (const one of contenders) figures.add('steps', one.name, await runRound(one, one.request));
}
const claims: Claim[] = values['no-peers']
  ? []
  : [{ what: `steps/s, ${dbos}`, ...figures.ratio('steps', 'rate', [us, dbos]), ...atLeast(20) }];
claims.push({
  what: `ms a step: last 50 of ${request.long} ÷ steps 5–55`,
  ...figures.ratio('steps', ['late', 'early'], [us, us]),
  ...atMost(1.2),
});
const columns = ['rate', 'early', 'late'];
report(
  {
    bench: store === 'sqlite' ? 'steps' : `steps --store ${store}`,
    method: [
      `${request.inFlight} workflows in flight of ${request.steps} steps each, every step recorded before the next begins; then one of ${request.long} steps alone; rounds: ${rounds},`,
      'interleaved, each in a process of its own with a database of its own. Every workflow has to have all its steps in the records.',
    ],
    claims,
    tables: [
      {
        head: ['', 'steps/s', 'ms a step, 5–55', 'ms a step, last 50'],
        rows: contenders.map(({ name }) => [
          name,
          ...columns.map((column) => short(figures.median('steps', name, column))),
        ]),
      },
    ],
    settings: contenders.map(({ name, request: { workflows } }) => [
      name,
      `${workflows} workflows a round, ${figures.last('steps', name)?.completed} completed; ${figures.settings('steps', name)}`,
    ]),
    constants: { stepsPerSecond: figures.median('steps', us, 'rate') },
  },
  values.write,
);
