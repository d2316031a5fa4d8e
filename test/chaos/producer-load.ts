// The producers of a delivery test: node --import millrace/source.mjs test/chaos/producer-load.ts JSON. They append to
// external runs as the plan says, and make the late ones.
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { IDEMPOTENCY_HEADER, MillraceError, PRODUCER_HEADERS, type RunEvent } from '@millrace/protocol';
import { Acknowledgements } from './acknowledgements.ts';
import { markOf } from './delivery-judge.ts';
import type { DeliveryPlan, PlannedRun } from './delivery-plan.ts';
import { Dice } from './dice.ts';

export interface ProducerSettings {
  url: string;
  token: string;
  plan: string;
  /** ids of the plan's runs */
  runs: string[];
  /** of {@link Acknowledgements} */
  folder: string;
}

type Told = Pick<RunEvent, 'type' | 'node'> & { data: unknown };

/** ms without an answer after which an append counts as unanswered */
const PATIENCE = 4_000;

const settings = JSON.parse(process.argv[2] ?? '') as ProducerSettings;
const plan = JSON.parse(readFileSync(settings.plan, 'utf8')) as DeliveryPlan;
const written = plan.runs.filter(({ managed }) => !managed);
const total = [...written, ...plan.late].reduce((sum, { appends }) => sum + appends, 0);
const acknowledgements = new Acknowledgements(settings.folder);
let appended = 0;
let unanswered = 0;

/** Sends until it is answered: what came of a request without an answer only its repeat can tell. */
async function insist(path: string, headers: Record<string, string>, body: unknown): Promise<unknown> {
  for (;;) {
    try {
      const response = await fetch(settings.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${settings.token}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE),
      });
      const answer: unknown = await response.json();
      if (response.ok) return answer;
      if (response.status < 500) throw new MillraceError('internal', { detail: JSON.stringify(answer) });
    } catch (error) {
      if (error instanceof MillraceError) throw error;
    }
    unanswered += 1;
    await setTimeout(50);
  }
}

/** One external run from its first append to its last, by a producer that is started anew half-way. */
async function produce(id: string, { name, appends }: PlannedRun): Promise<void> {
  const dice = new Dice(plan.seed + Number(name.replace(/\D/g, '')) + (name.startsWith('late') ? 1_000 : 0));
  const half = Math.ceil(appends / 2);
  for (let append = 1; append <= appends; append += 1) {
    const [term, sequence] = append <= half ? [1, append] : [2, append - half];
    const events = batch(name, append, appends, dice);
    const producer = {
      [PRODUCER_HEADERS.id]: name,
      [PRODUCER_HEADERS.term]: String(term),
      [PRODUCER_HEADERS.sequence]: String(sequence),
    };
    const { seq } = (await insist(`/api/runs/${id}/events`, producer, events)) as { seq: number };
    acknowledgements.add({ run: id, marks: events.map(markOf), seq });
    appended += 1;
    if (Math.floor((100 * appended) / total) > Math.floor((100 * (appended - 1)) / total)) {
      console.log(`WRITTEN ${Math.floor((100 * appended) / total)}%`);
    }
    await setTimeout(dice.between(0, 2 * plan.pause));
  }
}

/** A few nodes after one another, with what they tell. */
function batch(name: string, append: number, appends: number, dice: Dice): Told[] {
  const node = `n${Math.ceil(append / 10)}`;
  const last = append === appends;
  const told: Told[] = [];
  if (append % 10 === 1) told.push({ type: 'node.started', node, data: { task: 'write' } });
  for (let line = dice.between(1, 4); line > 0; line -= 1) {
    const message = `${name}/${append}/${line} ${'x'.repeat(dice.below(200))}`;
    told.push({ type: 'log', node, data: { level: 'info', message } });
  }
  if (dice.chance(0.2)) told.push({ type: 'metric', node, data: { name: `m${append}`, value: append } });
  if (append % 10 === 0 || last) told.push({ type: 'node.completed', node, data: { output: append } });
  if (last) told.push({ type: 'run.completed', data: { output: name } });
  return told;
}

/** Makes one of the late runs, and writes it. */
async function publish(run: PlannedRun): Promise<void> {
  const { name, workflow, tags } = run;
  await setTimeout(
    new Dice(plan.seed + Number(name.replace(/\D/g, ''))).below((plan.runs[0]?.appends ?? 1) * plan.pause),
  );
  const key = { [IDEMPOTENCY_HEADER]: name };
  const { id } = (await insist('/api/runs', key, { workflow, tags, external: true })) as { id: string };
  acknowledgements.add({ run: id, marks: [markOf({ type: 'run.created', data: {} })] });
  await produce(id, run);
}

await Promise.all([
  ...plan.runs.map((run, index) => (run.managed ? undefined : produce(settings.runs[index] as string, run))),
  ...plan.late.map(publish),
]);
console.log(`WROTE ${appended} appends, ${unanswered} sent again`);
