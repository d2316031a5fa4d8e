import { tokenExpiry } from '../token.ts';

/** The tokens that tabs bring: all of one bearer, all accepted by the server. The worker has none of its own. */
export class TokenPool {
  #best: string | undefined;
  #takers: ((token: string) => void)[] = [];

  /** A token that the server has just accepted. */
  offer(token: string): void {
    if (this.#takers.length === 0) {
      if (!this.#best || lifeOf(token) >= lifeOf(this.#best)) this.#best = token;
      return;
    }
    for (const take of this.#takers.splice(0)) take(token);
  }

  /** One that was not taken before, as soon as a tab brings it. */
  take(): Promise<string> {
    const token = this.#best;
    this.#best = undefined;
    if (token) return Promise.resolve(token);
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}

function lifeOf(token: string): number {
  return tokenExpiry(token) ?? Number.POSITIVE_INFINITY;
}
