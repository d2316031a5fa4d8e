import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Acknowledgement } from './delivery-judge.ts';

const SUFFIX = '.acknowledged';

/** Where a process that may be killed remembers what it was told to have been written. */
export class Acknowledgements {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, `${process.pid}${SUFFIX}`);
  }

  /** When this returns, a kill does not undo it. */
  add(acknowledgement: Acknowledgement): void {
    appendFileSync(this.#file, `${JSON.stringify(acknowledgement)}\n`);
  }

  /** What all processes together have remembered there. */
  static read(folder: string): Acknowledgement[] {
    return readdirSync(folder)
      .filter((name) => name.endsWith(SUFFIX))
      .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Acknowledgement);
  }
}
