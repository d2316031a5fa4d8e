import { Dice } from '../chaos/dice.ts';

/** One thing that happens to a world. The numbers say to whom and how; what they mean the world decides. */
export interface Step {
  do: Deed;
  /** three numbers in [0, 1) */
  by: readonly [number, number, number];
  /** turns of the event loop until the next step: few, and it falls into what this one has begun */
  turns: number;
}

/** How often each deed comes up, by chance. */
const weights = {
  start: 7,
  open: 3,
  append: 16,
  flood: 4,
  pass: 16,
  wait: 2,
  watch: 10,
  filter: 3,
  list: 4,
  leave: 3,
  pause: 2,
  resume: 3,
  cancel: 2,
  answer: 6,
  retry: 2,
  finish: 2,
  cut: 6,
  snip: 5,
  stall: 6,
  flow: 4,
  mute: 1,
  weather: 5,
  clear: 3,
  crash: 3,
  stop: 1,
  boot: 7,
  offline: 1,
  online: 2,
  reconnect: 1,
  failing: 1,
  forget: 3,
  compact: 2,
  restore: 1,
  worker: 1,
} as const;

export type Deed = keyof typeof weights;

const wheel = (Object.keys(weights) as Deed[]).flatMap((deed) => Array<Deed>(weights[deed]).fill(deed));

/** Something to look at, and somebody who looks. */
const opening: readonly Deed[] = ['start', 'open', 'start', 'pass', 'list', 'watch', 'watch', 'filter', 'append'];

/** What happens to the world of a seed, in order. Leaving steps out changes none of the others. */
export function script(seed: number, length: number): Step[] {
  const dice = new Dice(seed * 7919 + 1);
  return Array.from({ length }, (_, place) => ({
    do: opening[place] ?? dice.pick(wheel),
    by: [dice.next(), dice.next(), dice.next()] as const,
    turns: dice.chance(0.6) ? dice.below(4) : dice.below(30),
  }));
}
