import type { Engine } from '../engine/face.ts';
import type { RunRow } from '../store/store.ts';
import type { Sweep, SweepParts } from './periodic.ts';
import { SilentRuns } from './silent-runs.ts';
import { MINUTE, type SweepOptions } from './sweep-options.ts';

const BATCH = 100;

/** Cancels runs that were created and never claimed. A delayed run's age counts from when it is due. */
export class StaleSweep implements Sweep {
  readonly name = 'stale';
  readonly interval: number;
  readonly #engine: Engine;
  readonly #now: () => number;
  readonly #minutes: number;
  readonly #runs: SilentRuns;

  constructor({ store, engine, now, failed }: SweepParts, options: SweepOptions) {
    this.#engine = engine;
    this.#now = now;
    this.interval = options.checkIntervalSecs * 1_000;
    this.#minutes = options.staleJobMaxAgeMins;
    this.#runs = new SilentRuns(store, BATCH, () => failed(this.name));
  }

  run(): Promise<boolean> {
    const before = this.#now() - this.#minutes * MINUTE;
    return this.#runs.step({ status: ['created'], before }, (row) => this.#end(row, before));
  }

  async #end(row: RunRow, before: number): Promise<boolean> {
    const found = await this.#engine.control(row);
    if ((found?.control.options.delayUntil ?? 0) > before) return false;
    const message = `Nobody claimed the run for ${this.#minutes} minutes.`;
    await this.#engine.endRun(row, { outcome: 'cancelled', code: 'stale', message, only: 'created' });
    return true;
  }
}
