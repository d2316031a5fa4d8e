import { createHash } from 'node:crypto';

/** All that happened in a world, as one hash: the same seed gives the same one. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly #keep: boolean;
  readonly lines: string[] = [];

  /** `keep` = the lines are kept as well, to find the first one that differs */
  constructor(keep = false) {
    this.#keep = keep;
  }

  note(who: string, what: string): void {
    const line = `${who} ${what}\n`;
    this.#hash.update(line);
    if (this.#keep) this.lines.push(line);
  }

  print(): string {
    return this.#hash.copy().digest('hex');
  }
}
