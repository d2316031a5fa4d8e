/** buckets of a doubling: neighbours differ by 1.1 % */
const FINENESS = 64;
/** ms of the first bucket */
const LEAST = 0.001;
const BUCKETS = FINENESS * 32;

/** Times in ms, counted in buckets of 1.1 %: millions of them a second cost next to nothing. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  total = 0;
  #lastValue = Number.NaN;
  #lastBucket = 0;

  add(ms: number): void {
    if (ms !== this.#lastValue) {
      this.#lastValue = ms;
      const bucket = Math.ceil(Math.log2(Math.max(ms, LEAST) / LEAST) * FINENESS);
      this.#lastBucket = Math.min(BUCKETS - 1, bucket);
    }
    (this.#counts[this.#lastBucket] as number) += 1;
    this.total += 1;
  }

  /** The value that a share `q` (0–1) does not exceed; NaN where nothing was counted. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(q * this.total));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket] as number;
      if (left <= 0) return LEAST * 2 ** (bucket / FINENESS);
    }
    return Number.NaN;
  }
}
