import type { Policy } from './policy.ts';
import type { TransportKind } from './transport.ts';

/** the longest time between two tries of a better transport, ms */
const CLIMB_LIMIT = 5 * 60_000;

/** Which transport is used: down a rung where one fails again and again, and back up in ever longer steps. */
export class Ladder {
  readonly #kinds: readonly TransportKind[];
  readonly #policy: Policy;
  #rung = 0;
  /** how often in a row the transport failed to open or to last */
  #failures = 0;
  #climbs = 0;

  /** `kinds`: best first */
  constructor(kinds: readonly TransportKind[], policy: Policy) {
    this.#kinds = kinds;
    this.#policy = policy;
  }

  get kind(): TransportKind {
    return this.#kinds[this.#rung] as TransportKind;
  }

  /** The next better one; undefined at the top. */
  get better(): TransportKind | undefined {
    return this.#kinds[this.#rung - 1];
  }

  /** The transport has failed once more; true = it is time for another one. */
  failed(): boolean {
    this.#failures += 1;
    if (this.#failures < this.#policy.stepDownAfter || this.#kinds.length === 1) return false;
    this.#failures = 0;
    return true;
  }

  /** Behind the last one comes the first again: what blocked it may be over. */
  stepDown(): void {
    this.#rung = (this.#rung + 1) % this.#kinds.length;
  }

  /** ms until the better transport is tried beside this one */
  get climbAfter(): number {
    return Math.min(CLIMB_LIMIT, this.#policy.climbAfter * 2 ** this.#climbs);
  }

  /** It is tried now, and more rarely from now on. */
  climbing(): void {
    this.#climbs += 1;
  }

  climbed(): void {
    this.#rung -= 1;
  }

  /** What failed before says nothing about now. */
  forget(): void {
    this.#failures = 0;
    if (this.#rung === 0) this.#climbs = 0;
  }

  /** Another network, or another wish: begins with the best again. */
  restart(): void {
    this.#rung = 0;
    this.forget();
  }
}
