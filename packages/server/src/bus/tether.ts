import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';

/** A connection to what carries messages between servers. */
export interface Link {
  /** Resolves when something that was sent over it has come back. */
  beat(): Promise<void>;
  close(): void;
}

export interface TetherOptions<L extends Link> {
  clock: Clock;
  /** from 0 to below 1; spreads the attempts of many servers */
  random: () => number;
  /** Connects; calls `lost` when the connection breaks later. A `config_invalid` is not mended by waiting. */
  open(lost: (error: Error) => void): Promise<L>;
  /** Called with every connection that was made. */
  opened(link: L): void;
  /** Says in words why there is no connection, and what to do. */
  explain(error: Error): string;
}

/** ms that a connection has for being made, and a beat for coming back */
const PATIENCE_MS = 5_000;
const BEAT_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Keeps a connection: makes it, finds by its heartbeat that it died silently, and makes it anew after a pause that
 * doubles up to 5 s.
 */
export class Tether<L extends Link> {
  link: L | undefined;
  /** why there is no connection; undefined = there is one */
  trouble: string | undefined = 'It is not connected yet.';
  readonly #options: TetherOptions<L>;
  #failures = 0;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: TetherOptions<L>) {
    this.#options = options;
  }

  /** The first attempt. Throws `config_invalid` where only a change of settings can help; else it goes on trying. */
  async start(): Promise<void> {
    const error = await this.#attempt();
    if (!(error instanceof MillraceError) || error.code !== 'config_invalid') return;
    this.close();
    throw error;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.link?.close();
    this.link = undefined;
  }

  async #attempt(): Promise<Error | undefined> {
    let made: L | undefined;
    const opening = this.#options.open((error) => {
      if (made !== undefined && made === this.link) this.#lost(error);
    });
    try {
      made = await this.#within(opening);
    } catch (error) {
      // One that is made after all, too late, is of no use any more.
      opening.then((late) => late.close()).catch(() => undefined);
      this.#later(error as Error);
      return error as Error;
    }
    if (this.#closed) {
      made.close();
      return undefined;
    }
    this.link = made;
    this.trouble = undefined;
    this.#failures = 0;
    this.#options.opened(made);
    this.#beatLater(made);
    return undefined;
  }

  #lost(error: Error): void {
    this.link?.close();
    this.link = undefined;
    this.#cancel();
    this.#later(error);
  }

  #later(error: Error): void {
    if (this.#closed) return;
    this.trouble = this.#options.explain(error);
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#cancel = this.#options.clock.after(pause * (0.5 + this.#options.random() / 2), () => void this.#attempt());
  }

  #beatLater(link: L): void {
    this.#cancel = this.#options.clock.after(BEAT_MS, () => {
      this.#within(link.beat()).then(
        () => this.link === link && this.#beatLater(link),
        (error: Error) => this.link === link && this.#lost(error),
      );
    });
  }

  async #within<T>(promise: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.#options.clock.after(PATIENCE_MS, () =>
      reject(new Error(`It did not answer within ${PATIENCE_MS / 1000} s.`)),
    );
    try {
      return await Promise.race([promise, late]);
    } finally {
      cancel();
    }
  }
}
