import type { ListQuery } from '@millrace/protocol';
import { createWorker, type Worker } from '@millrace/worker';
import type { Store } from '../../packages/server/src/store/store.ts';
import { MemoryStore } from '../../packages/server/src/store/store-memory.ts';
import { openSqliteStore } from '../../packages/server/src/store/store-sqlite.ts';
import { Dice } from '../chaos/dice.ts';
import { LossyBus } from './bus-lossy.ts';
import { Bystander } from './bystander.ts';
import type { Distance } from './distant-store.ts';
import { History } from './history.ts';
import type { Ledger, Truth } from './ledger.ts';
import { WanderingLink } from './link-wandering.ts';
import { type Mill, startMill } from './mill.ts';
import { Network } from './network.ts';
import { Producer } from './producer.ts';
import { workload } from './tasks.ts';
import type { Person } from './tokens.ts';
import { Trace } from './trace.ts';
import { Verdicts } from './verdicts.ts';
import { Viewer } from './viewer.ts';
import type { JudgedBy } from './wire-tap.ts';
import { Traffic, turns, WorldClock } from './world-clock.ts';

const people: readonly Person[] = [
  { id: 'olga', roles: ['operator'] },
  { id: 'ada', roles: ['user'] },
  { id: 'share', roles: [], only: { tag: 'shared' }, hide: ['agent', 'input', 'output', 'identity', 'error'] },
  { id: 'boss', roles: ['operator'], hide: ['log', 'cost', 'wait', 'file'] },
];

const habits: readonly (readonly ('websocket' | 'sse' | 'polling')[])[] = [
  ['websocket', 'sse', 'polling'],
  ['websocket'],
  ['websocket'],
  ['sse', 'polling'],
  ['sse'],
  ['polling'],
];

/** Servers, workers and clients on one clock, a bus that loses things, and connections that break: all from a seed. */
export class World implements Truth {
  readonly clock = new WorldClock();
  readonly traffic = new Traffic();
  readonly bus: LossyBus;
  readonly network: Network;
  readonly trace: Trace;
  readonly verdicts = new Verdicts();
  readonly viewers: Viewer[];
  readonly bystanders: Bystander[];
  readonly link: WanderingLink;
  readonly distance: Distance;
  readonly mills = new Map<string, Mill>();
  readonly names: readonly string[];
  readonly producers: Producer[] = [];
  readonly runs: string[] = [];
  readonly sqlite: boolean;
  readonly firstEpoch: string;
  #history: History;
  #worker: Worker | undefined;
  #workers = 0;
  #boots = 0;
  #ids = 0;
  readonly #dice: Dice;

  constructor(seed: number, keepTrace = false) {
    const dice = new Dice(seed);
    this.#dice = dice;
    const part = () => new Dice(dice.below(2 ** 31));
    this.trace = new Trace(keepTrace);
    this.sqlite = dice.chance(0.25);
    this.#history = new History(this.sqlite ? sqlite(this.clock) : new MemoryStore('e1'));
    this.firstEpoch = this.ledger.epoch;
    this.bus = new LossyBus(part(), this.traffic);
    this.network = new Network(part(), this.traffic);
    this.names = ['north', 'south', 'east'].slice(0, dice.between(1, 3));
    this.distance = { turns: dice.between(0, 4), failing: 0 };
    this.link = new WanderingLink(() => this.up, part());
    this.viewers = people.flatMap((person) =>
      Array.from({ length: person.id === 'olga' ? 2 : 1 }, (_, place) => {
        const transports = dice.pick(habits);
        const name = `${person.id}${place}`;
        const { clock, network } = this;
        return new Viewer({ ...this.#judged(name, person), transports, dice: part(), clock, network });
      }),
    );
    this.bystanders = [people[0], people[3]].map((person, place) => {
      const query = dice.pick<ListQuery>([{}, { status: ['running'] }, { workflow: 'outside' }]);
      const about = this.#judged(`bystander${place}`, person as Person);
      return new Bystander({ ...about, query, clock: this.clock.of(() => true), network: this.network });
    });
  }

  #judged(name: string, person: Person): JudgedBy {
    return { name, person, truth: this, verdicts: this.verdicts, trace: this.trace };
  }

  get ledger(): Ledger {
    return this.#history.ledger;
  }

  get store(): Store {
    return this.#history.store;
  }

  /** the servers that are up */
  get up(): readonly Mill[] {
    return [...this.mills.values()];
  }

  newId = (): string => `r${String(++this.#ids).padStart(4, '0')}`;

  /** Lets what a moment has set off come to rest. */
  rest = (): Promise<void> => this.traffic.rest();

  dice(): Dice {
    return new Dice(this.#dice.below(2 ** 31));
  }

  /** Starts the server of this name, if it is not up. */
  async boot(name: string): Promise<void> {
    if (this.mills.has(name)) return;
    this.#boots += 1;
    const boot = `${name}-${this.#boots}`;
    const { store, clock, distance, traffic, newId } = this;
    const mill = await startMill({
      boot,
      store,
      clock,
      distance,
      traffic,
      newId,
      bus: this.bus.end(boot),
      dice: this.dice(),
    });
    this.mills.set(name, mill);
    this.network.up(name, mill.http);
  }

  /** Ends the server of this name at once: its connections break, and nothing that it had begun goes on. */
  crash(name: string): void {
    const mill = this.mills.get(name);
    if (!mill) return;
    this.mills.delete(name);
    this.network.down(name);
    this.bus.leave(mill.boot);
    mill.crash();
    this.network.cutOff(name);
  }

  /** The server says goodbye and ends; its connections close by themselves, or break when it has ended. */
  stop(name: string): void {
    const mill = this.mills.get(name);
    if (!mill) return;
    this.mills.delete(name);
    this.network.down(name);
    const over = () => {
      this.bus.leave(mill.boot);
      this.network.cutOff(name);
    };
    mill.stop().then(over, over);
  }

  /** Another worker takes over; the one before is abandoned where it stands. */
  hire(): void {
    this.#workers += 1;
    const of = this.#workers;
    const alive = () => of === this.#workers;
    const clock = this.clock.of(alive);
    const dice = this.dice();
    this.#worker = createWorker({
      ...{ id: `wanda-${of}`, link: this.link, workflows: workload(clock), concurrency: 20, clock },
      random: () => dice.next(),
    });
    this.#worker.start().catch(() => {});
  }

  produce(run: string): Producer {
    const producer = new Producer(
      run,
      () => this.up,
      this.clock.of(() => true),
      this.dice(),
      this.verdicts,
    );
    this.producers.push(producer);
    return producer;
  }

  /** Every server is gone for a while, and what comes back is a backup that misses the newest `lost` changes. */
  async restore(lost: number): Promise<void> {
    if (this.sqlite) return;
    for (const name of this.names) this.crash(name);
    const epoch = `e${Number(this.ledger.epoch.slice(1)) + 1}`;
    // Long enough for everybody to notice: nobody puts a backup back between two polls.
    await this.clock.pass(3_000, this.rest);
    this.#history = await this.#history.restored(epoch, lost);
    for (const producer of this.producers) producer.restored();
    for (const name of this.names) await this.boot(name);
  }

  async close(): Promise<void> {
    this.#workers += 1;
    for (const viewer of this.viewers) viewer.client.disconnect();
    for (const bystander of this.bystanders) bystander.leave();
    for (const name of this.names) this.crash(name);
    await turns(5);
    for (const { pipe } of [...this.network.pipes]) pipe.cut();
    await turns(5);
    await this.store.close();
  }
}

function sqlite(clock: WorldClock): Store {
  return openSqliteStore({
    folder: ':memory:',
    clock: clock.of(() => true),
    random: (bytes) => new Uint8Array(bytes),
  });
}
