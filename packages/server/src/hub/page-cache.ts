import type { LogRange } from './log-range.ts';

/** A page as it was read; `whole` = it stays as it is however far the log grows. */
export interface Page {
  range: LogRange;
  whole: boolean;
}

/**
 * The pages that were read last, over all runs, with the bytes that were built of them: many who come back at the same
 * place share one read and one building.
 */
export class PageCache {
  readonly #limit: number;
  #pages = new Map<string, Page & { weight: number }>();
  #bytes = 0;

  /** `limit`: bytes of text and of what was built from it. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): Page | undefined {
    const page = this.#pages.get(key);
    if (page) this.set(key, page);
    return page;
  }

  /** Also weighs again what has been there: readers build on it. */
  set(key: string, { range, whole }: Page): void {
    this.#drop(key);
    const { weight } = range;
    this.#pages.set(key, { range, whole, weight });
    this.#bytes += weight;
    for (const oldest of this.#pages.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const page = this.#pages.get(key);
    if (!page) return;
    this.#pages.delete(key);
    this.#bytes -= page.weight;
  }
}
