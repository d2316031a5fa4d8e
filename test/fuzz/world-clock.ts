import type { Clock } from '@millrace/protocol';

interface Timer {
  at: number;
  order: number;
  fn: () => void;
}

/** The one time of a world. It stands still but in `pass`, which lets everything that a moment sets off come to rest. */
export class WorldClock {
  #now = 1_800_000_000_000;
  #order = 0;
  #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  /** Somebody's own clock: `skew` ms before or behind, and silent as soon as its owner is not `alive` any more. */
  of(alive: () => boolean, skew = 0): Clock {
    return {
      now: () => this.#now + skew,
      after: (ms, fn) => this.#after(ms, () => alive() && fn()),
    };
  }

  /** Goes from timer to timer until `ms` have passed; `rest` lets go on what each has set off. */
  async pass(ms: number, rest: () => Promise<void>): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const at = this.#timers.reduce((least, timer) => Math.min(least, timer.at), Number.POSITIVE_INFINITY);
      if (at > end) break;
      this.#now = Math.max(this.#now, at);
      const due = this.#timers
        .filter((timer) => timer.at <= this.#now)
        .sort((a, b) => a.at - b.at || a.order - b.order);
      for (const timer of due) if (this.#take(timer)) timer.fn();
      await rest();
    }
    this.#now = end;
    await rest();
  }

  #after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, Math.ceil(ms)), order: this.#order++, fn };
    this.#timers.push(timer);
    return () => {
      this.#take(timer);
    };
  }

  #take(timer: Timer): boolean {
    const place = this.#timers.indexOf(timer);
    if (place >= 0) this.#timers.splice(place, 1);
    return place >= 0;
  }
}

/** Counts what is under way between the parts of a world, so that time does not pass over it. */
export class Traffic {
  #underway = 0;

  /** Something sets out; the returned function tells that it has arrived, or never will. */
  sets(): () => void {
    this.#underway += 1;
    return () => {
      this.#underway -= 1;
    };
  }

  /** Calls `arrive` so many turns from now. */
  later(count: number, arrive: () => void): void {
    const arrived = this.sets();
    const turn = (left: number): void => {
      setImmediate(() => {
        if (left > 1) return turn(left - 1);
        arrived();
        arrive();
      });
    };
    turn(count);
  }

  /** Lets the event loop turn until nothing has been under way for three turns, or `most` turns are over. */
  async rest(most = 80): Promise<void> {
    for (let turn = 0, still = 0; turn < most && still < 3; turn++) {
      await turns(1);
      still = this.#underway === 0 ? still + 1 : 0;
    }
  }
}

/** Lets the event loop turn `count` times. Nothing in a world waits for anything but turns and the world's clock. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
