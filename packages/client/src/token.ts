import { MillraceError } from '@millrace/protocol/error-code';

/**
 * A token, or how to get one. A function is called for the first connection, before a token expires and when the server
 * refuses one; it gives nothing where nobody is signed in.
 */
export type TokenOption = string | (() => Promise<string | null | undefined>);

/**
 * The token in use. `get` answers the same one until another was got. Both reject with `unauthorized` when
 * there is none to be had; what else the application's function throws (a network that failed) is passed on.
 */
export class TokenSource {
  readonly #option: TokenOption;
  #current: Promise<string> | undefined;

  constructor(option: TokenOption) {
    this.#option = option;
  }

  get canRefresh(): boolean {
    return typeof this.#option === 'function';
  }

  get(): Promise<string> {
    this.#current ??= this.#obtain();
    return this.#current;
  }

  /** What to try instead of `old`, which the server refused; whoever asks second gets what the first got. */
  async refresh(old: string): Promise<string> {
    const before = this.get();
    if ((await before) === old && this.#current === before) this.#current = this.#obtain();
    return this.get();
  }

  /** Nobody is signed in any more: the next `get` asks anew. */
  forget(): void {
    this.#current = undefined;
  }

  /** Another token while this one still holds; whoever asks meanwhile gets the old one. */
  async renew(): Promise<string> {
    const next = await this.#ask();
    this.#current = Promise.resolve(next);
    return next;
  }

  #obtain(): Promise<string> {
    const asked = this.#ask();
    asked.catch(() => {
      if (this.#current === asked) this.#current = undefined;
    });
    return asked;
  }

  async #ask(): Promise<string> {
    const option = this.#option;
    try {
      const token = typeof option === 'string' ? option : await option();
      if (!token) throw unauthorized('There is no token: nobody is signed in.');
      return token;
    } catch (error) {
      // fetch rejects with a TypeError where the network failed: no reason to send anybody to the sign-in page.
      if (error instanceof TypeError || error instanceof MillraceError) throw error;
      throw new MillraceError('unauthorized', { detail: 'The token function could not get a token.', cause: error });
    }
  }
}

function unauthorized(detail: string): MillraceError {
  return new MillraceError('unauthorized', { detail });
}

/** What a JWT says of its bearer; undefined where the text is none. The signature is the server's business. */
export function tokenClaims(token: string): Record<string, unknown> | undefined {
  try {
    const payload = token.split('.')[1] ?? '';
    return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** When a JWT expires, in ms since the epoch; undefined where the text does not tell. */
export function tokenExpiry(token: string): number | undefined {
  const exp = tokenClaims(token)?.exp;
  return typeof exp === 'number' ? exp * 1000 : undefined;
}
