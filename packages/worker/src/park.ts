import type { WaitView } from '@millrace/protocol';
import { nextTurn } from './clock.ts';

/** What an attempt does when nothing of it can go on. */
export interface Exits {
  /** Nothing but these waits is in flight. Answers those that have ended already; never settles once it has parked. */
  park(waits: string[]): Promise<WaitView[]>;
  /** The attempt was told to stop and nothing of it runs any more. */
  handBack(): void;
}

const never = new Promise<never>(() => {});

/**
 * Counts an attempt's durable calls and finds the moment to park: waits are in flight, nothing runs, and a whole
 * turn has passed in which no call began. While parking is asked for, new calls stand still; once it has been
 * granted they never go on, and neither do the waits: the handler is abandoned where it stands.
 */
export class Parking {
  readonly #exits: Exits;
  readonly #waits = new Map<string, (answer: WaitView) => void>();
  /** of waits that ended before their caller began to wait */
  #early: Map<string, WaitView> | undefined;
  #running = 0;
  #begun = 0;
  #checking = false;
  #holding = false;
  #held = false;
  #asked: Promise<void> | undefined;

  constructor(exits: Exits) {
    this.#exits = exits;
  }

  /** Begins a durable call; `leave` ends it. */
  async enter(): Promise<void> {
    while (this.#asked !== undefined) await this.#asked;
    if (this.#holding) return this.#stand();
    this.#begun += 1;
    this.#running += 1;
  }

  leave(): void {
    this.#running -= 1;
    this.#consider();
  }

  /** Ends a running call that shall never answer its caller. */
  abandon(): Promise<never> {
    this.#running -= 1;
    return this.#stand();
  }

  /** Waits for something outside of the attempt. With the answer the call is running again; `leave` ends it. */
  wait(id: string): Promise<WaitView> {
    return new Promise((resolve) => {
      this.#waits.set(id, resolve);
      const early = this.#early?.get(id);
      if (early) this.answer(early);
      else this.#consider();
    });
  }

  /** A wait that was closed because its node or run ended has no answer. */
  answer(ended: WaitView): void {
    if (ended.status === 'cancelled') return;
    const resolve = this.#waits.get(ended.id);
    if (!resolve) {
      this.#early ??= new Map();
      this.#early.set(ended.id, ended);
      return;
    }
    this.#waits.delete(ended.id);
    this.#running += 1;
    resolve(ended);
  }

  /** From now on no call begins; what runs may finish. */
  hold(): void {
    this.#holding = true;
    this.#consider();
  }

  #stand(): Promise<never> {
    this.#held = true;
    this.#consider();
    return never;
  }

  #consider(): void {
    if (this.#checking || this.#asked || this.#running > 0) return;
    if (this.#waits.size === 0 && !this.#held) return;
    this.#checking = true;
    const seen = this.#begun;
    nextTurn(() => {
      this.#checking = false;
      if (this.#begun !== seen || this.#running > 0) return this.#consider();
      if (this.#waits.size > 0) this.#ask();
      else this.#exits.handBack();
    });
  }

  #ask(): void {
    this.#asked = this.#exits.park([...this.#waits.keys()]).then((answers) => {
      this.#asked = undefined;
      for (const ended of answers) this.answer(ended);
      this.#consider();
    });
  }
}
