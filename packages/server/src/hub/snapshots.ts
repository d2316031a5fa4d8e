import type { Metrics } from '../metrics/metrics.ts';
import type { RunKey } from '../store/store.ts';
import type { Reached } from './repair.ts';
import type { RunLogs } from './run-logs.ts';

/** Events since the last look at a run's snapshot, from which on it is worth another one. */
const EVENTS = 512;
/** runs of which it is remembered when the next look is worth it */
const REMEMBERED = 10_000;

/**
 * Keeps a stored view near the head of every log that this server writes, so that whoever comes first finds it:
 * one run at a time, a page of events now and then, in what the event loop has to spare.
 */
export class Snapshots {
  readonly #logs: Pick<RunLogs, 'advance'>;
  readonly #metrics: Metrics;
  /** the head at which a run is looked at again */
  #next = new Map<string, number>();
  #due = new Map<string, RunKey & { head: number }>();
  #working = false;
  #stopped = false;

  constructor(logs: Pick<RunLogs, 'advance'>, metrics: Metrics) {
    this.#logs = logs;
    this.#metrics = metrics;
  }

  grown(runs: readonly Reached[]): void {
    for (const { tenant, run, head, own } of runs) {
      const key = `${tenant}/${run}`;
      if (own && head >= (this.#next.get(key) ?? EVENTS)) this.#due.set(key, { tenant, run, head });
    }
    if (this.#working || this.#due.size === 0) return;
    this.#working = true;
    void this.#work();
  }

  stop(): void {
    this.#stopped = true;
    this.#due.clear();
  }

  async #work(): Promise<void> {
    for (const [key, one] of this.#due) {
      if (this.#stopped) break;
      this.#due.delete(key);
      let stored = one.head;
      try {
        stored = await this.#logs.advance(one, one.head);
      } catch {
        // The run was deleted, or the store is away: nothing is lost but work.
        this.#metrics.count('hub_snapshot_errors_total');
      }
      this.#remember(key, one.head + Math.max(EVENTS, one.head - stored));
    }
    this.#working = false;
  }

  #remember(key: string, next: number): void {
    this.#next.delete(key);
    this.#next.set(key, next);
    const [oldest] = this.#next.keys();
    if (this.#next.size > REMEMBERED && oldest !== undefined) this.#next.delete(oldest);
  }
}
