import type { Clock } from '@millrace/protocol';
import type { Principal } from './auth.ts';

/** After this a token is judged anew: its issuer may have withdrawn the key. */
const KEPT_MS = 60_000;
const MOST = 1_000;

interface Verdict {
  principal: Principal;
  until: number;
}

/**
 * What was found of tokens a short while ago: many connections come with the same token, and checking its signature
 * is over a third of what connecting costs. Only tokens that were accepted are kept, none beyond its expiry,
 * and the longest kept goes first. What a grant allows is no part of a verdict: it is looked up each time.
 */
export class Verdicts {
  readonly #clock: Clock;
  readonly #byToken = new Map<string, Verdict>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(token: string): Principal | undefined {
    const found = this.#byToken.get(token);
    if (!found) return undefined;
    if (this.#clock.now() < found.until) return found.principal;
    this.#byToken.delete(token);
    return undefined;
  }

  keep(token: string, principal: Principal): void {
    const until = Math.min(principal.expires, this.#clock.now() + KEPT_MS);
    this.#byToken.delete(token);
    this.#byToken.set(token, { principal, until });
    if (this.#byToken.size <= MOST) return;
    const [oldest] = this.#byToken.keys();
    if (oldest !== undefined) this.#byToken.delete(oldest);
  }
}
