import type { ListQuery, RunFilter } from '@millrace/protocol';
import { Dice } from './dice.ts';

/** How large a delivery test is. */
export interface DeliverySize {
  clients: number;
  runs: number;
  lists: number;
  /** runs that are made while everybody watches; they show in lists only */
  late: number;
  /** appends of a run, or steps of one that a worker executes */
  appends: number;
  /** ms between two of them, on average */
  pause: number;
}

export interface PlannedRun {
  name: string;
  /** a worker executes it; else a producer elsewhere appends */
  managed: boolean;
  workflow: string;
  tags: string[];
  appends: number;
}

export interface PlannedClient {
  /** what it may use, best first */
  transports: ('websocket' | 'sse' | 'polling')[];
  /** ms after the others */
  joinsAfter: number;
  runs: { run: number; filter?: RunFilter }[];
  lists: number[];
}

/** Who does what in a delivery test; all of it follows from the seed. */
export interface DeliveryPlan {
  seed: number;
  pause: number;
  runs: PlannedRun[];
  late: PlannedRun[];
  lists: ListQuery[];
  clients: PlannedClient[];
}

const LADDERS: PlannedClient['transports'][] = [
  ['websocket', 'sse', 'polling'],
  ['websocket', 'sse', 'polling'],
  ['websocket'],
  ['sse'],
  ['sse', 'polling'],
  ['polling'],
];
const FILTERS: RunFilter[] = [{ types: ['log'] }, { nodes: ['n1'] }, { types: ['node.completed', 'metric'] }];

export function planDelivery(seed: number, size: DeliverySize): DeliveryPlan {
  const dice = new Dice(seed);
  const tags = Array.from({ length: Math.max(1, size.lists - 3) }, (_, index) => `shelf-${index}`);
  const runOf = (name: string, managed: boolean, appends: number): PlannedRun => ({
    ...{ name, managed, appends, workflow: dice.pick(['mill', 'press', 'bindery']) },
    tags: dice.some(tags, dice.between(1, 3)),
  });
  const { appends } = size;
  return {
    ...{ seed, pause: size.pause },
    runs: Array.from({ length: size.runs }, (_, index) =>
      runOf(`run-${index}`, index % 5 === 4, dice.between(Math.ceil(appends / 2), appends)),
    ),
    late: Array.from({ length: size.late }, (_, index) => runOf(`late-${index}`, false, dice.between(1, 3))),
    lists: [
      ...tags.map((tag) => ({ tag, limit: 100 })),
      // Rows come, change and go.
      { status: ['created', 'running'], limit: 100 },
      { workflow: 'press', limit: 10 },
      { status: ['completed'], limit: 10 },
    ].slice(-size.lists),
    clients: Array.from({ length: size.clients }, (_, index) => ({
      transports: LADDERS[index % LADDERS.length] as PlannedClient['transports'],
      joinsAfter: dice.chance(0.8) ? dice.below(2_000) : dice.below(appends * size.pause),
      runs: dice
        .some(
          Array.from({ length: size.runs }, (_, run) => run),
          3,
        )
        .map((run) => ({ run, ...(dice.chance(0.15) && { filter: dice.pick(FILTERS) }) })),
      lists: [dice.below(size.lists)],
    })),
  };
}
