import type { LogRange } from './log-range.ts';

/** A page as it was read; `whole` = it stays as it is however far the log grows. */
export interface Page {
  range: LogRange;
  whole: boolean;
}

/** The pages that were read last, over all runs: many who come back at the same place share one read. */
export class PageCache {
  readonly #limit: number;
  #pages = new Map<string, Page>();
  #bytes = 0;

  /** `limit`: bytes of text; what is built from a page weighs about as much again. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): Page | undefined {
    const page = this.#pages.get(key);
    if (page) {
      this.#pages.delete(key);
      this.#pages.set(key, page);
    }
    return page;
  }

  set(key: string, page: Page): void {
    this.#drop(key);
    this.#pages.set(key, page);
    this.#bytes += page.range.text.length;
    for (const oldest of this.#pages.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const page = this.#pages.get(key);
    if (!page) return;
    this.#pages.delete(key);
    this.#bytes -= page.range.text.length;
  }
}
