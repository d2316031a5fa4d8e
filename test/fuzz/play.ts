import { fine } from './bus-lossy.ts';
import { act } from './deeds.ts';
import { judgeLines, judgeLog } from './judge-log.ts';
import { judgeViews } from './judge-views.ts';
import { type Step, script } from './script.ts';
import type { Fault } from './verdicts.ts';
import { World } from './world.ts';
import { turns } from './world-clock.ts';

export interface Outcome {
  seed: number;
  faults: readonly Fault[];
  /** hash of all that happened */
  trace: string;
  lines: readonly string[];
  events: number;
  /** simulated ms */
  took: number;
}

export const STEPS = 90;
/** how long nothing may have been committed for a world to be at rest; ms */
const QUIET = 5_000;
/** rounds of QUIET that a world may take to come to rest */
const ROUNDS = 40;
/** rounds after which whoever does not see what is will not see it by itself */
const LATE = 2;
/** the same after a backup was put back: who has only ended runs open over plain HTTP learns of it by the next ping */
const LATE_OF_RESTORED = 8;

/** Makes the world of a seed, lets the steps happen to it, heals it, and judges it. */
export async function play(
  seed: number,
  steps: readonly Step[] = script(seed, STEPS),
  keepTrace = false,
): Promise<Outcome> {
  const world = new World(seed, keepTrace);
  const began = world.clock.now();
  const told = (error: unknown) => world.verdicts.fault('process', String((error as Error)?.stack ?? error));
  process.on('unhandledRejection', told);
  try {
    for (const name of world.names) await world.boot(name);
    world.hire();
    for (const bystander of world.bystanders) bystander.connect();
    for (const step of steps) {
      world.trace.note('step', `${JSON.stringify(step)} ${world.clock.now()}`);
      await act(world, step);
      await turns(step.turns);
      if (world.verdicts.faults.length > 0) break;
    }
    if (world.verdicts.faults.length === 0) await heal(world);
    judgeLogs(world);
  } finally {
    await world.close();
    process.off('unhandledRejection', told);
  }
  world.trace.note('ledger', world.ledger.print());
  const { verdicts, trace, ledger, clock } = world;
  return {
    seed,
    faults: verdicts.faults,
    trace: trace.print(),
    lines: trace.lines,
    events: ledger.size,
    took: clock.now() - began,
  };
}

/** Everything works again. As soon as nothing happens any more, everybody must see what is. */
async function heal(world: World): Promise<void> {
  world.bus.weather = fine;
  world.link.losing = 0;
  world.distance.failing = 0;
  for (const name of world.names) await world.boot(name);
  for (const { pipe } of [...world.network.pipes]) {
    delete pipe.fate.cutAfter;
    if (pipe.fate.mute) pipe.cut();
    else pipe.stall(false);
  }
  for (const viewer of world.viewers) viewer.network(true);
  let wrong: string[] = [];
  const limit = world.ledger.epoch === world.firstEpoch ? LATE : LATE_OF_RESTORED;
  let late = 0;
  for (let round = 0; round < ROUNDS && world.verdicts.faults.length === 0; round++) {
    const size = world.ledger.size;
    await world.clock.pass(QUIET, world.rest);
    await turns(20);
    wrong = await judgeViews(world);
    late = world.ledger.size === size ? late + 1 : 0;
    if (late > 0 && (wrong.length === 0 || late > limit)) break;
  }
  for (const fault of wrong) world.verdicts.fault('at rest', fault);
}

function judgeLogs({ ledger, producers, verdicts }: World): void {
  for (const run of ledger.runs) {
    const wrong = judgeLog(run, ledger.seen(run, 1, Number.POSITIVE_INFINITY, { hide: [] }));
    if (wrong) verdicts.fault(`log of ${run}`, wrong);
  }
  for (const { run, acknowledged } of producers) {
    const wrong = judgeLines(ledger, run, acknowledged);
    if (wrong) verdicts.fault(`log of ${run}`, wrong);
  }
}
