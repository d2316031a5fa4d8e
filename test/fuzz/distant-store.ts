import type { Store } from '../../packages/server/src/store/store.ts';
import type { Dice } from '../chaos/dice.ts';
import { type Traffic, turns } from './world-clock.ts';

/** How long the way to the store is, and how often a commit ends before it has begun. */
export interface Distance {
  /** turns of the event loop, at most, there and again back */
  turns: number;
  /** chance that a commit fails with nothing of it written */
  failing: number;
}

interface Way {
  alive(): boolean;
  distance: Distance;
  dice: Dice;
  traffic: Traffic;
  failure(): Error;
}

const never = new Promise<never>(() => {});

/** The store as one boot of a server reaches it: some turns away, shared with others, and silent once the boot is over. */
export function distantStore(store: Store, { alive, distance, dice, traffic, failure }: Way): Store {
  const go = async (name: string, args: unknown[]): Promise<unknown> => {
    await turns(dice.below(distance.turns + 1));
    if (!alive()) return undefined;
    if (name === 'commit' && dice.chance(distance.failing)) throw failure();
    const method = Reflect.get(store, name, store) as (...args: unknown[]) => unknown;
    const answer = await Reflect.apply(method, store, args);
    await turns(dice.below(distance.turns + 1));
    return answer;
  };
  const call = async (name: string, args: unknown[]): Promise<unknown> => {
    const answer = await go(name, args).finally(traffic.sets());
    return alive() ? answer : never;
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'capabilities') return { ...target.capabilities, shared: true };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (...args: unknown[]) => call(String(name), args) : value;
    },
  });
}
