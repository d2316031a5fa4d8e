import type { RunCommand, RunView } from '@millrace/protocol';
import { Dice } from '../chaos/dice.ts';
import { fine } from './bus-lossy.ts';
import type { Deed, Step } from './script.ts';
import { plan } from './tasks.ts';
import { TENANT } from './tokens.ts';
import type { Viewer } from './viewer.ts';
import type { World } from './world.ts';

/** The three numbers of a step, as picks. */
interface Luck {
  /** one of a list, by the first, second or third number */
  one<T>(list: readonly T[], number?: 0 | 1 | 2): T | undefined;
  /** a whole number from `min` to `max`, by the third number */
  many(min: number, max: number): number;
  dice(): Dice;
}

type Act = (world: World, luck: Luck) => Promise<void> | void;

const ignore = () => {};
const filters = [
  { types: ['log' as const] },
  { types: ['node.started' as const, 'node.completed' as const] },
  { nodes: ['a'] },
  { agents: ['a0', 'b1', 'c0'] },
];
const queries = [
  {},
  { owner: 'ada' },
  { workflow: 'chain' },
  { status: ['running'] },
  { tag: 'shared' },
  { limit: 3 },
  { status: ['completed', 'failed', 'cancelled'], limit: 5 },
];

/** What each deed does to a world. */
const acts: Record<Deed, Act> = {
  async start(world, luck) {
    const mill = luck.one(world.up);
    const owner = luck.one(['ada', 'olga'], 1);
    const tags = luck.many(0, 2) === 0 ? ['shared'] : [];
    const input = plan(luck.dice()) as never;
    const started = mill?.engine.create({ tenant: TENANT, by: `user:${owner}` }, { workflow: 'chain', input, tags });
    started?.then(({ id }) => world.runs.push(id), ignore);
  },
  open(world, luck) {
    const mill = luck.one(world.up);
    const tags = luck.many(0, 1) === 0 ? ['shared'] : [];
    const request = { workflow: 'outside', input: null, tags, external: true };
    mill?.engine.create({ tenant: TENANT, by: 'user:ada' }, request).then(({ id }) => {
      world.runs.push(id);
      world.produce(id).tell([{ type: 'node.started', node: 'a', data: { task: 'outside' } }]);
    }, ignore);
  },
  append: (world, luck) => luck.one(world.producers)?.chat(luck.many(1, 20), luck.one([5, 50, 500], 1) ?? 5),
  flood: (world, luck) => luck.one(world.producers)?.chat(luck.many(20, 80), 8_000),
  pass: (world, luck) => world.clock.pass(luck.many(5, 1_500), world.rest),
  wait: (world, luck) => world.clock.pass(luck.many(5_000, 40_000), world.rest),
  watch: (world, luck) => {
    const run = luck.one(world.runs, 1);
    if (run) luck.one(world.viewers)?.watch(run);
  },
  filter: (world, luck) => {
    const run = luck.one(world.runs, 1);
    if (run) luck.one(world.viewers)?.watch(run, luck.one(filters, 2));
  },
  list: (world, luck) => luck.one(world.viewers)?.list(luck.one(queries, 1) ?? {}),
  leave: (world, luck) => luck.one(world.viewers)?.leave(luck.many(0, 1_000)),
  pause: (world, luck) => command(world, luck, { type: 'pause' }),
  resume: (world, luck) => command(world, luck, { type: 'resume' }),
  cancel: (world, luck) => command(world, luck, { type: 'cancel', reason: 'enough' }),
  answer: (world, luck) => {
    for (const viewer of world.viewers) {
      for (const { store } of viewer.runs.values()) {
        const wish = answerTo(store.getSnapshot().view, luck);
        if (wish) return void store.command(wish).catch(ignore);
      }
    }
  },
  retry: (world, luck) => {
    const run = luck.one(world.runs, 1);
    const from = luck.one(['start', 'failed'] as const, 2) ?? 'start';
    if (run)
      luck
        .one(world.viewers)
        ?.client.api.retry(run, { from })
        .then(({ id }) => world.runs.push(id), ignore);
  },
  finish: (world, luck) => luck.one(world.producers)?.tell([{ type: 'run.completed', data: { output: null } }]),
  cut: (world, luck) => luck.one(world.network.pipes)?.pipe.cut(),
  snip: (world, luck) => {
    const entry = luck.one(world.network.pipes);
    if (entry) entry.pipe.fate.cutAfter = luck.many(1, luck.one([100, 2_000, 100_000], 1) ?? 1);
  },
  stall: (world, luck) => luck.one(world.network.pipes)?.pipe.stall(true),
  flow: (world, luck) => {
    for (const { pipe } of world.network.pipes) if (luck.many(0, 1) === 0 || pipe.fate.stalled) pipe.stall(false);
  },
  mute: (world, luck) => {
    const entry = luck.one(world.network.pipes);
    if (entry) entry.pipe.fate.mute = true;
  },
  weather: (world, luck) => {
    const bad = () => luck.one([0, 0.1, 0.5, 1], 0) ?? 0;
    world.bus.weather = {
      lost: bad(),
      repeated: luck.one([0, 0.3], 1) ?? 0,
      late: luck.one([0, 0.3], 2) ?? 0,
      bare: 0.2,
    };
    world.link.losing = 0.05;
  },
  clear: (world) => {
    world.bus.weather = fine;
    world.link.losing = 0;
    world.distance.failing = 0;
  },
  crash: (world, luck) => world.crash(luck.one(world.names) ?? ''),
  stop: (world, luck) => world.stop(luck.one(world.names) ?? ''),
  boot: (world, luck) =>
    world.boot(luck.one(world.names.filter((name) => !world.mills.has(name))) ?? world.names[0] ?? ''),
  offline: (world, luck) => luck.one(world.viewers)?.network(false),
  online: (world, luck) => luck.one(world.viewers)?.network(true),
  reconnect: (world, luck) => luck.one(world.viewers)?.client.reconnect(),
  failing: (world) => {
    world.distance.failing = 0.1;
  },
  async forget(world, luck) {
    const run = luck.one(world.runs);
    const row = run ? await world.store.runRow({ tenant: TENANT, run }) : undefined;
    if (row?.ended) await world.store.deleteRun(row);
  },
  compact: async (world) => {
    const { store } = world;
    if ('compact' in store && typeof store.compact === 'function') await store.compact();
  },
  restore: (world, luck) => world.restore(luck.many(0, 25)),
  worker: (world) => world.hire(),
};

/** Does one step, and lets the world turn a little. */
export async function act(world: World, step: Step): Promise<void> {
  const luck: Luck = {
    one: (list, number = 0) => list[Math.floor((step.by[number] as number) * list.length)],
    many: (min, max) => min + Math.floor(step.by[2] * (max - min + 1)),
    dice: () => new Dice(Math.floor(step.by[2] * 2 ** 31)),
  };
  await acts[step.do](world, luck);
}

function command(world: World, luck: Luck, wish: RunCommand): void {
  const viewer = luck.one(world.viewers) as Viewer;
  luck
    .one([...viewer.runs.values()], 1)
    ?.store.command(wish)
    .catch(ignore);
}

function answerTo(view: RunView | undefined, luck: Luck): RunCommand | undefined {
  const wait = luck.one(
    Object.values(view?.control.waits ?? {}).filter(({ status }) => status === 'open'),
    1,
  );
  if (wait?.kind === 'approval') {
    return { type: 'approve', approvalId: wait.id, decision: luck.many(0, 1) === 0 ? 'approved' : 'rejected' };
  }
  return wait?.kind === 'input' ? { type: 'provide', inputId: wait.id, value: 'this' } : undefined;
}
