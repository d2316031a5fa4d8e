import { MillraceError } from '@millrace/protocol/error';

/** A token, or how to get one. A function is called for the first connection and whenever a token has expired. */
export type TokenOption = string | (() => Promise<string>);

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

  /** A token other than `old`, which the server refused or is about to; whoever asks second gets what the first got. */
  async refresh(old: string): Promise<string> {
    const before = this.get();
    if ((await before) === old && this.#current === before) this.#current = this.#obtain();
    const token = await this.get();
    if (token === old) throw unauthorized('There is no token but the one that the server does not accept.');
    return token;
  }

  /** Nobody is signed in any more: the next `get` asks anew. */
  forget(): void {
    this.#current = undefined;
  }

  async #obtain(): Promise<string> {
    const option = this.#option;
    try {
      const token = typeof option === 'string' ? option : await option();
      if (!token) throw unauthorized('The token is empty.');
      return token;
    } catch (error) {
      this.#current = undefined;
      // fetch rejects with a TypeError where the network failed: no reason to send anybody to the sign-in page.
      if (error instanceof TypeError || error instanceof MillraceError) throw error;
      throw new MillraceError('unauthorized', { detail: 'The token function could not get a token.', cause: error });
    }
  }
}

function unauthorized(detail: string): MillraceError {
  return new MillraceError('unauthorized', { detail });
}

/** When a JWT expires, in ms since the epoch; undefined where the text does not tell. The signature is the server's business. */
export function tokenExpiry(token: string): number | undefined {
  try {
    const payload = token.split('.')[1] ?? '';
    const { exp } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
