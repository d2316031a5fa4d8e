// A worker of a delivery test: node --import millrace/source.mjs test/chaos/worker-load.ts JSON. It executes what the plan
// leaves to workers until it is killed.
import { setTimeout } from 'node:timers/promises';
import type { WorkerLink } from '@millrace/protocol';
import { createHttpLink, createWorker, task } from '@millrace/worker';
import { systemClock } from 'millrace';
import { Acknowledgements } from './acknowledgements.ts';
import { markOf } from './delivery-judge.ts';
import { Dice } from './dice.ts';
import { around } from './fault-points.ts';

export interface WorkerLoadSettings {
  url: string;
  token: string;
  seed: number;
  /** ms that a step takes, on average */
  pause: number;
  /** of {@link Acknowledgements} */
  folder: string;
}

const { url, token, seed, pause, folder } = JSON.parse(process.argv[2] ?? '') as WorkerLoadSettings;
const acknowledgements = new Acknowledgements(folder);
const dice = new Dice(seed + process.pid);

const stir = task<{ name: string; steps: number }>('stir', async (ctx, { name, steps }) => {
  for (let step = 1; step <= steps; step += 1) {
    await ctx.step('stir', () => setTimeout(dice.between(0, 2 * pause), step), { key: String(step) });
    ctx.log.info(`${name}/${step}`);
  }
  return steps;
});

/** A link that remembers what was acknowledged. */
function remembering(link: WorkerLink): WorkerLink {
  return around(link, {
    append: async (lease, sequence, events) => {
      const answer = await link.append(lease, sequence, events);
      const { run, node, attempt } = lease;
      acknowledgements.add({ run, marks: events.map((event) => markOf({ node, attempt, ...event })) });
      return answer;
    },
  });
}

const link = createHttpLink({ url, token, clock: systemClock, random: () => dice.next(), report: () => {} });
await createWorker({ link: remembering(link), tasks: [stir] }).start();
console.log('WORKING');
