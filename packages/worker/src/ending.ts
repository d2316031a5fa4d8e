/**
 * An end that comes once, and that few wait for: its signal is made when it is first asked for. An AbortController for
 * each attempt and each of its parts took a tenth of what a short job costs its worker.
 */
export class Ending {
  #ended = false;
  #controller: AbortController | undefined;
  readonly #listeners: (() => void)[] = [];

  get ended(): boolean {
    return this.#ended;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort(REASON);
    return this.#controller.signal;
  }

  /** Calls the listener at the end, or at once where that has come. */
  onEnd(listener: () => void): void {
    if (this.#ended) listener();
    else this.#listeners.push(listener);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#controller?.abort(REASON);
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

/** Made once: the default reason of an abort is slow to make. */
const REASON = 'over';
