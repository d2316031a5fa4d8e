import type { Clock } from '@millrace/protocol';

/** ms between two beats */
const BEAT_MS = 1_000;

/** One timer for all connections of a transport, and none where there is no connection. */
export class Pulse<Member> {
  readonly #clock: Clock;
  readonly #beat: (member: Member, now: number) => void;
  readonly #members = new Set<Member>();
  #cancel: (() => void) | undefined;

  /** `beat` is called for each member once a second. */
  constructor(clock: Clock, beat: (member: Member, now: number) => void) {
    this.#clock = clock;
    this.#beat = beat;
  }

  add(member: Member): void {
    this.#members.add(member);
    this.#cancel ??= this.#next();
  }

  delete(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #next(): () => void {
    return this.#clock.after(BEAT_MS, () => {
      this.#cancel = this.#next();
      const now = this.#clock.now();
      for (const member of this.#members) this.#beat(member, now);
    });
  }
}
