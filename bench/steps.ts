// npm run bench -- steps [--rounds 5] [--workflows 640] [--steps 50] [--no-peers] [--quick] [--profile FOLDER]
// Durable steps, each recorded before the next begins: 64 workflows in flight on both sides. Then one workflow of
// 1,000 steps alone: what a step costs at its end against its beginning.
import { parseArgs } from 'node:util';
import { installPeer } from './harness/install.ts';
import { type Contender, interleave } from './harness/round.ts';
import { median } from './harness/statistics.ts';
import type { StepRequest } from './harness/step-load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    workflows: { type: 'string', default: '640' },
    steps: { type: 'string', default: '50' },
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const quick = values.quick;
const rounds = quick ? 1 : Number(values.rounds);
const request: StepRequest = {
  workflows: quick ? 8 : Number(values.workflows),
  inFlight: quick ? 8 : 64,
  steps: quick ? 5 : Number(values.steps),
  long: quick ? 120 : 1_000,
};
/** DBOS gets a fifth of the workflows, so that its round takes no minutes; as many are in flight. */
const fewer: StepRequest = { ...request, workflows: Math.max(request.inFlight, Math.round(request.workflows / 5)) };

const ours = 'Millrace, SQLite';
const contenders: (Contender & { request: StepRequest })[] = [
  { name: ours, file: 'contenders/millrace-steps.ts', profile: values.profile, request },
];
if (!values['no-peers']) {
  installPeer('dbos');
  contenders.push({ name: 'DBOS, Postgres', file: 'peers/dbos/steps.ts', request: fewer });
}

console.log(
  `steps: ${request.inFlight} workflows in flight of ${request.steps} steps each, then one of ${request.long} alone; medians of ${rounds} interleaved rounds`,
);
const answers = await interleave(rounds, contenders);
const list = (name: string, of: string) => (answers.get(name) ?? []).map(({ figures }) => figures[of] as number);
const figure = (name: string, of: string) => median(list(name, of));

console.log('\n                 |  steps/s | Millrace ÷ it | ms a step, 5–55 | ms a step, last 50 | late ÷ early');
for (const { name } of contenders) {
  const ratio = median(list(name, 'rate').map((other, round) => (list(ours, 'rate')[round] as number) / other));
  const growth = median(list(name, 'late').map((late, round) => late / (list(name, 'early')[round] as number)));
  const cells = [
    name.padEnd(16),
    figure(name, 'rate').toFixed(0).padStart(8),
    ratio.toFixed(2).padStart(13),
    figure(name, 'early').toFixed(3).padStart(15),
    figure(name, 'late').toFixed(3).padStart(18),
    growth.toFixed(2).padStart(12),
  ];
  console.log(cells.join(' | '));
}
console.log('');
for (const { name, request } of contenders) {
  const [last] = (answers.get(name) ?? []).slice(-1);
  console.log(
    `${name}: ${request.workflows} workflows a round, ${last?.figures.completed} completed; ${last?.settings}`,
  );
}
