import { type Outcome, play, STEPS } from './play.ts';
import { type Step, script } from './script.ts';
import { shrink } from './shrink.ts';

export interface Campaign {
  seeds: number;
  from: number;
  /** no new seed is begun after so long */
  minutes?: number;
  /** tells every step */
  aloud: boolean;
  /** looks for fewer steps that show the same */
  shrinks: boolean;
}

/** ms that may go into leaving out steps */
const SHRINK_MS = 60_000;

/** Plays seed after seed until one goes wrong, which is told with its steps. True = none did. */
export async function campaign({ seeds, from, minutes, aloud, shrinks }: Campaign): Promise<boolean> {
  const began = performance.now();
  const total = { seeds: 0, events: 0, hours: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    if (minutes !== undefined && performance.now() - began > minutes * 60_000) break;
    const steps = script(seed, STEPS);
    const outcome = await play(seed, steps, aloud);
    total.seeds += 1;
    total.events += outcome.events;
    total.hours += outcome.took / 3_600_000;
    if (aloud) console.log(outcome.lines.map((line) => line.slice(0, 200).trimEnd()).join('\n'));
    if (outcome.faults.length === 0) continue;
    console.log(`FAULT of seed ${seed}: ${told(outcome)}`);
    if (shrinks) await tellShortest(seed, steps);
    return false;
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${total.seeds} seeds, ${total.events} events, ${total.hours.toFixed(1)} simulated hours, ${seconds.toFixed(0)} s: nothing was wrong.`,
  );
  return true;
}

async function tellShortest(seed: number, steps: readonly Step[]): Promise<void> {
  const began = performance.now();
  let words = '';
  const shows = async (fewer: readonly Step[]) => {
    const outcome = await play(seed, fewer);
    if (outcome.faults.length > 0) words = told(outcome);
    return outcome.faults.length > 0;
  };
  const short = await shrink(steps, shows, () => performance.now() - began > SHRINK_MS);
  console.log(`${short.length} of ${steps.length} steps are enough:${words}`);
  for (const step of short) console.log(`  ${JSON.stringify(step)}`);
  console.log(`Repeat it: npm run test:fuzz -- --seed ${seed}`);
}

function told({ faults }: Outcome): string {
  return faults.map(({ where, what }) => `\n  ${where}: ${what}`).join('');
}
