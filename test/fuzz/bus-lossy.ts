import type { Bus, BusMessage } from '../../packages/server/src/bus/bus.ts';
import { LocalBus } from '../../packages/server/src/bus/bus-local.ts';
import type { Dice } from '../chaos/dice.ts';
import type { Traffic } from './world-clock.ts';

/** How bad the bus between the servers is. Each is a chance in [0, 1]. */
export interface Weather {
  lost: number;
  repeated: number;
  /** told some turns later, so that another one's message comes first */
  late: number;
  /** told without its text */
  bare: number;
}

export const fine: Weather = { lost: 0, repeated: 0, late: 0, bare: 0 };

/**
 * The bus of several servers in one process. A server hears itself at once, and the others as the weather is: the log
 * is the truth, and nothing may depend on a message arriving, arriving once, or arriving in time.
 */
export class LossyBus {
  weather: Weather = fine;
  readonly #dice: Dice;
  readonly #traffic: Traffic;
  readonly #ends = new Map<string, LocalBus>();

  constructor(dice: Dice, traffic: Traffic) {
    this.#dice = dice;
    this.#traffic = traffic;
  }

  /** The bus as one server sees it. */
  end(boot: string): Bus {
    const own = new LocalBus();
    this.#ends.set(boot, own);
    return {
      publish: (messages) => {
        own.publish(messages.filter(() => !this.#dice.chance(this.weather.lost / 4)));
        for (const message of messages) this.#carry(boot, message);
      },
      subscribe: (topic, listener) => own.subscribe(topic, listener),
      close: () => own.close(),
    };
  }

  /** A server is gone. */
  leave(boot: string): void {
    this.#ends.delete(boot);
  }

  #carry(from: string, message: BusMessage): void {
    const { lost, repeated, late, bare } = this.weather;
    for (const to of this.#ends.keys()) {
      if (to === from || this.#dice.chance(lost)) continue;
      const told = message.kind === 'events' && this.#dice.chance(bare) ? { ...message, text: undefined } : message;
      const copies = this.#dice.chance(repeated) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const turns = this.#dice.chance(late) ? this.#dice.between(2, 12) : 1;
        this.#traffic.later(turns, () => this.#ends.get(to)?.publish([told]));
      }
    }
  }
}
