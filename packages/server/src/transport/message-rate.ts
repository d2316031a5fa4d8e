/** messages a second that one connection may send for as long as it likes, and how many at once */
export const MESSAGES_PER_SECOND = 100;
export const MESSAGES_AT_ONCE = 1_000;
/** refused messages in a row after which a connection is cut */
const PATIENCE = 1_000;

/** What one connection may send: a bucket that fills with time. An idle one costs two numbers. */
export class MessageRate {
  #left = MESSAGES_AT_ONCE;
  #filledAt = 0;
  #refused = 0;

  /** Whether a message that came at `now` (ms) is taken, is one too many, or the last that is answered. */
  take(now: number): 'taken' | 'refused' | 'flood' {
    this.#left = Math.min(MESSAGES_AT_ONCE, this.#left + ((now - this.#filledAt) * MESSAGES_PER_SECOND) / 1_000);
    this.#filledAt = now;
    if (this.#left >= 1) {
      this.#left -= 1;
      this.#refused = 0;
      return 'taken';
    }
    this.#refused += 1;
    return this.#refused > PATIENCE ? 'flood' : 'refused';
  }
}
