import type { Clock } from '@millrace/protocol/clock';

/** The page's or process's clock: anchored to the wall once, monotonic from then on. */
export const systemClock: Clock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};
