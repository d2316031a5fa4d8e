/** Numbers that were passed over: `from … to`, first missed at `since`. */
export interface Hole {
  from: number;
  to: number;
  since: number;
}

/**
 * Which commits of one server's boot have been read. A later one may become visible before an earlier one, so what is
 * passed over is waited for; and the number of a commit that failed is never filled, so no hole is waited for for ever.
 */
export class CommitSequence {
  /** the newest commit that was read */
  newest: number;
  #holes: Hole[] = [];

  /** `newest`: all up to this one count as read. */
  constructor(newest: number) {
    this.newest = newest;
  }

  get holes(): readonly Hole[] {
    return this.#holes;
  }

  /** Notes commit `n` at the time `now`. False = it had been read, or was given up. */
  read(n: number, now: number): boolean {
    if (n > this.newest) {
      if (n > this.newest + 1) this.#holes.push({ from: this.newest + 1, to: n - 1, since: now });
      this.newest = n;
      return true;
    }
    const place = this.#holes.findIndex(({ from, to }) => from <= n && n <= to);
    const hole = this.#holes[place];
    if (!hole) return false;
    const rest = [
      { ...hole, to: n - 1 },
      { ...hole, from: n + 1 },
    ].filter(({ from, to }) => from <= to);
    this.#holes.splice(place, 1, ...rest);
    return true;
  }

  /** Waits no longer for what was missed at or before `time`. True = there was such a hole. */
  giveUp(time: number): boolean {
    const open = this.#holes.filter(({ since }) => since > time);
    const some = open.length < this.#holes.length;
    this.#holes = open;
    return some;
  }
}
