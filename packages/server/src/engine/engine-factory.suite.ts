import { afterEach } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import type { Store } from '../store/store.ts';
import { Rig, type RigOptions } from './engine.rig.ts';

/** Makes an empty store whose own timers are those of this clock. */
export type OpenStore = (clock: SimulatedClock) => Store | Promise<Store>;

export interface Servers {
  /** A server over an empty store of its own. */
  rig(options?: Omit<RigOptions, 'clock'>): Promise<Rig>;
  /** Another server, on the clock of this one: over its store, or over another that shares its data. */
  beside(one: Rig, options: { boot: string; store?: Store }): Rig;
}

/** Servers that are stopped after each test, and then their stores closed. */
export function servers(open: OpenStore): Servers {
  const rigs: Rig[] = [];
  const stores = new Set<Store>();
  const made = (store: Store, options: RigOptions): Rig => {
    const rig = new Rig(store, options);
    rigs.push(rig);
    stores.add(store);
    return rig;
  };
  afterEach(async () => {
    for (const { scheduler, engine } of rigs.splice(0)) await Promise.all([scheduler.stop(), engine.stop()]);
    for (const store of stores) await store.close();
    stores.clear();
  });
  return {
    async rig(options = {}) {
      const clock = new SimulatedClock();
      return made(await open(clock), { ...options, clock });
    },
    beside: ({ clock, store }, options) => made(options.store ?? store, { clock, boot: options.boot }),
  };
}

/** Servers whose schedulers run. */
export function scheduled(open: OpenStore): Servers['rig'] {
  const { rig } = servers(open);
  return async (options) => {
    const made = await rig(options);
    made.scheduler.start();
    return made;
  };
}
