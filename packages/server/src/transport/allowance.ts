/** A token bucket: so many at once, and so many a second from then on. */
export class Allowance {
  readonly #burst: number;
  readonly #rate: number;
  #left: number;
  #at: number;

  /** `rate` per second; `now` in ms. */
  constructor(burst: number, rate: number, now: number) {
    this.#burst = burst;
    this.#rate = rate;
    this.#left = burst;
    this.#at = now;
  }

  /** false = there is none left. */
  take(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1_000) * this.#rate);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
