import type { DueRow } from '../store/store.ts';

const FIRST = 1_000;
const LONGEST = 60_000;

interface Entry {
  at: number;
  tries: number;
  /** ms since the epoch; Infinity = the try is under way */
  until: number;
}

/**
 * The due rows that have been tried. A row that still stands after its try waits for the next one, longer from try to
 * try, whether the try failed or seemed to succeed: nothing is delivered in a hot loop, and nothing is given up.
 */
export class DueBackoff {
  readonly #rows = new Map<string, Entry>();

  /** How many due rows may stand before one that nobody has tried. */
  get size(): number {
    return this.#rows.size;
  }

  /** Of these rows, those to be tried at `now`; {@link landed} has to follow for each. */
  take(rows: readonly DueRow[], now: number): DueRow[] {
    const taken = rows.filter((row) => (this.#rows.get(id(row))?.until ?? now) <= now);
    for (const row of taken) {
      const tries = this.#rows.get(id(row))?.tries ?? 0;
      this.#rows.set(id(row), { at: row.at, tries: tries + 1, until: Number.POSITIVE_INFINITY });
    }
    return taken;
  }

  landed(row: DueRow, now: number): void {
    const entry = this.#rows.get(id(row));
    if (entry) entry.until = now + Math.min(LONGEST, FIRST * 2 ** (entry.tries - 1));
  }

  /**
   * `standing`: the store's earliest rows; `all`: there are no later ones. Forgets the rows that are gone, and answers
   * when the first of the standing ones is to be tried.
   */
  settle(standing: readonly DueRow[], all: boolean): number {
    const there = new Set(standing.map(id));
    const seen = all ? Number.POSITIVE_INFINITY : (standing.at(-1)?.at ?? 0);
    for (const [name, { at }] of this.#rows) if (at < seen && !there.has(name)) this.#rows.delete(name);
    return Math.min(...standing.map((row) => this.#rows.get(id(row))?.until ?? row.at), Number.POSITIVE_INFINITY);
  }
}

/** A row that is written again for another time is another row. */
function id({ tenant, run, key, at }: DueRow): string {
  return JSON.stringify([tenant, run, key, at]);
}
