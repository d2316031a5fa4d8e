/**
 * Tells the two sides of a port when the other has gone, which ports alone do not: each holds a lock as long as it
 * lives and waits for the other's. Where pages have no locks (plain http) only silence tells.
 */
export class Life {
  readonly #over = new AbortController();

  /** Calls `held` with the name of a lock that is held until `end()`, or until this page or worker dies. */
  show(name: string, held: (name: string) => void): void {
    this.#request(name, () => {
      held(name);
      return new Promise((resolve) => this.#over.signal.addEventListener('abort', resolve));
    });
  }

  /** Calls `gone` when whoever holds the lock has died. */
  watch(name: string, gone: () => void): void {
    this.#request(name, async () => gone());
  }

  end(): void {
    this.#over.abort();
  }

  #request(name: string, granted: () => Promise<unknown>): void {
    const { signal } = this.#over;
    if (signal.aborted) return;
    const request = globalThis.navigator?.locks?.request(name, { signal }, granted);
    // Rejects when it is not waited for any more.
    request?.catch(() => {});
  }
}
