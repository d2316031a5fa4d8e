import {
  type Client,
  createClient,
  type ListQuery,
  type ListStore,
  type RunEvent,
  type RunFilter,
  type RunStore,
} from '@millrace/client';
import type { Dice } from '../chaos/dice.ts';
import type { Network } from './network.ts';
import { type Person, tokenOf } from './tokens.ts';
import { type JudgedBy, JudgingTap } from './wire-tap.ts';
import type { WorldClock } from './world-clock.ts';

export interface Watched {
  store: RunStore;
  /** what its listeners were handed, one by one */
  events: RunEvent[];
  leave(): void;
}

export interface ViewerSetup extends JudgedBy {
  transports: readonly ('websocket' | 'sse' | 'polling')[];
  dice: Dice;
  clock: WorldClock;
  network: Network;
}

/** One client of the world, with the stores that it holds open and everything that its connections were sent. */
export class Viewer {
  readonly name: string;
  readonly person: Person;
  readonly client: Client;
  readonly runs = new Map<string, Watched>();
  readonly lists = new Map<string, { store: ListStore; leave(): void }>();
  readonly tap: JudgingTap;
  /** tells the client that its device has a network, or has none */
  network: (online: boolean) => void = () => {};
  #tokens = 0;

  constructor(setup: ViewerSetup) {
    const { name, person, transports, dice, clock, network } = setup;
    this.name = name;
    this.person = person;
    this.tap = new JudgingTap(setup);
    // Clocks of devices are not quite right.
    const own = clock.of(() => true, dice.between(-2_000, 2_000));
    const life = dice.pick([20_000, 120_000, 3_600_000]);
    this.client = createClient({
      url: 'http://millrace.test',
      token: async () => tokenOf(person, clock.now() + life, ++this.#tokens),
      clock: own,
      policy: { backoffMax: 4_000 },
      transports,
      platform: {
        ...network.environment(name, this.tap),
        random: () => dice.next(),
        onNetwork: (listener) => {
          this.network = listener;
          return () => {};
        },
      },
    });
  }

  watch(run: string, filter?: RunFilter): void {
    const store = this.client.run(run, filter ? { filter } : {});
    if (this.runs.has(store.key)) return;
    const watched: Watched = { store, events: [], leave: () => {} };
    const leave = [store.subscribe(() => {}), store.onEvents((events) => watched.events.push(...events))];
    watched.leave = () => {
      for (const off of leave) off();
    };
    this.runs.set(store.key, watched);
  }

  list(query: ListQuery): void {
    const key = JSON.stringify(query);
    if (this.lists.has(key)) return;
    const store = this.client.list(query);
    this.lists.set(key, { store, leave: store.subscribe(() => {}) });
  }

  /** Lets go of one store; whoever takes it again gets the same one while it lives. */
  leave(place: number): void {
    const open = [...this.runs, ...this.lists];
    const [key, watched] = open[place % (open.length || 1)] ?? [];
    if (key === undefined || !watched) return;
    watched.leave();
    this.runs.delete(key);
    this.lists.delete(key);
  }
}
