import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import type { Store } from '../store/store.ts';

/** ms for which an answer is passed on before the store is asked again */
const FRESH_MS = 1_000;
/** ms that the store has for its answer */
const PATIENCE_MS = 3_000;

/** ms for which a full disk is told of after it was met */
const FULL_MS = 60_000;

/**
 * Asks the store whether it can be used, once a second at most, however many ask and however slow it is. That there is
 * no room left only a write can tell: it is a warning, since logs can still be read.
 */
export class StoreCheck {
  readonly #store: Pick<Store, 'check'>;
  readonly #clock: Clock;
  #asked = Number.NEGATIVE_INFINITY;
  #answer: Promise<void> = Promise.resolve();
  #full: { at: number; message: string } | undefined;

  constructor(store: Pick<Store, 'check'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Rejects with what is wrong and what to do. */
  ask(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#asked >= FRESH_MS) {
      this.#asked = now;
      this.#answer = this.#ask();
    }
    return this.#answer;
  }

  /** A request failed: was it for want of room? */
  failed(error: unknown): void {
    if (!(error instanceof MillraceError) || error.code !== 'storage_full') return;
    this.#full = { at: this.#clock.now(), message: error.message };
  }

  warning(): string | undefined {
    if (this.#full && this.#clock.now() - this.#full.at > FULL_MS) this.#full = undefined;
    return this.#full?.message;
  }

  async #ask(): Promise<void> {
    if (!this.#store.check) return;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.#clock.after(PATIENCE_MS, () =>
      reject(
        new MillraceError('storage_unavailable', {
          detail: `The database did not answer within ${PATIENCE_MS / 1_000} s. Look whether it runs and can be reached.`,
        }),
      ),
    );
    try {
      await Promise.race([this.#store.check(), late]);
    } finally {
      cancel();
    }
  }
}
