import type { Engine } from '../engine/face.ts';
import type { LeaseRow, RunRow, Store } from '../store/store.ts';
import { attemptId, lastHeard } from './last-heard.ts';
import type { Sweep, SweepParts } from './periodic.ts';
import { SilentRuns } from './silent-runs.ts';
import { MINUTE, type SweepOptions } from './sweep-options.ts';

/** runs of one piece */
const BATCH = 50;
const ALL = 1_000_000;

/**
 * Ends what runs and is not heard of, whatever its lease says: any event of an attempt counts as life, a renewal does
 * not. Attempts get `attempt.lost {hung}` and are tried again; an external run, which has nobody of ours to try it
 * again, fails with `hung`. What is paused or waits is never hung.
 */
export class HungSweep implements Sweep {
  readonly name = 'hung';
  readonly interval: number;
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #now: () => number;
  readonly #failed: () => void;
  readonly #timeout: number;
  readonly #external: SilentRuns;
  /** until when an attempt cannot be hung, because it was heard: it is not looked at again before */
  readonly #alive = new Map<string, number>();
  #round: LeaseRow[][] | undefined;

  constructor({ store, engine, now, failed }: SweepParts, options: SweepOptions) {
    this.#store = store;
    this.#engine = engine;
    this.#now = now;
    this.interval = options.checkIntervalSecs * 1_000;
    this.#failed = () => failed(this.name);
    this.#timeout = options.activeJobTimeoutMins * MINUTE;
    this.#external = new SilentRuns(store, BATCH, () => failed(this.name));
  }

  async run(): Promise<boolean> {
    this.#round ??= await this.#begin();
    const piece = this.#round.splice(0, BATCH).map((leases) => this.#check(leases));
    for (const done of await Promise.allSettled(piece)) if (done.status === 'rejected') this.#failed();
    if (this.#round.length > 0) return true;
    if (await this.#failExternal()) return true;
    this.#round = undefined;
    return false;
  }

  /** The leases to look at, by run. */
  async #begin(): Promise<LeaseRow[][]> {
    const leases = await this.#store.leases({ limit: ALL });
    const held = new Set(leases.map(leaseId));
    for (const id of this.#alive.keys()) if (!held.has(id)) this.#alive.delete(id);
    const open = leases.filter((lease) => (this.#alive.get(leaseId(lease)) ?? 0) <= this.#now());
    return [...Map.groupBy(open, ({ tenant, run }) => JSON.stringify([tenant, run])).values()];
  }

  async #check(leases: LeaseRow[]): Promise<void> {
    const { tenant, run } = leases[0] as LeaseRow;
    const row = await this.#store.runRow({ tenant, run });
    if (row?.status !== 'running') return;
    const since = this.#now() - this.#timeout;
    const heard = row.at <= since ? new Map() : await lastHeard(this.#store, row, row.head, leases, since);
    for (const lease of leases) {
      const at = heard.get(attemptId(lease));
      if (at === undefined) await this.#engine.hang(lease);
      else this.#alive.set(leaseId(lease), at + this.#timeout);
    }
  }

  #failExternal(): Promise<boolean> {
    const query = { status: ['running' as const], before: this.#now() - this.#timeout, external: true };
    return this.#external.step(query, async (row) => {
      if (waits(row)) return false;
      const message = `Nothing was heard of the run for ${this.#timeout / MINUTE} minutes.`;
      await this.#engine.endRun(row, { outcome: 'failed', code: 'hung', message, only: 'external' });
      return true;
    });
  }
}

/** Somebody is asked something, so silence is to be expected. */
function waits({ summary }: RunRow): boolean {
  return summary.openWaits > 0 || summary.detail === 'waiting';
}

function leaseId({ tenant, run, node, attempt }: LeaseRow): string {
  return JSON.stringify([tenant, run, node, attempt]);
}
