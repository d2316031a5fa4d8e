/** How long things may take, in ms. */
export interface Timings {
  /** a lease that is not renewed for this long is lost */
  lease: number;
  /** how often a worker renews */
  renew: number;
  /** attempts of a stopping run have this long to stop by themselves */
  grace: number;
}

export const defaultTimings: Timings = { lease: 6_000, renew: 2_000, grace: 10_000 };
