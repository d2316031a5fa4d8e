import type { Clock } from '@millrace/protocol';
import type { Metrics } from '../metrics/metrics.ts';
import type { CommitRow, RunKey, Store } from '../store/store.ts';
import { CommitSequence } from './commit-sequence.ts';

/** ms between two looks */
const LOOK_MS = 1_000;
/** ms that a missing commit is waited for: longer than any transaction lasts */
const HOLE_MS = 10_000;
/** ms by which the clocks of servers, and a commit's time and its becoming visible, may differ */
const SKEW_MS = 60_000;
/** commits before the start that are read as well: some may be under way, and somebody may follow before it is found */
const START_BACK = 1_024;
const PAGE = 500;

/** How far a run's log was found to reach, by commits of which the first was made at `at`. */
export interface Reached extends RunKey {
  head: number;
  at: number;
  /** this server's own engine wrote there */
  own: boolean;
}

export interface RepairOptions {
  store: Pick<Store, 'commitsAfter' | 'lastCommits'>;
  clock: Clock;
  metrics: Metrics;
  /** this server's boot */
  server: string;
  /** What was committed since the last look: each run once. */
  reached(runs: readonly Reached[]): Promise<void>;
  /** Commits may have been missed, and it is not known of which runs: compare everything with its row. */
  unsure(): Promise<void>;
}

/**
 * Repairs lost hints from the table of commits: once a second, or when woken, it reads what every server has committed
 * since the last look. The cost is one per commit, however many follow.
 */
export class Repair {
  readonly #options: RepairOptions;
  #sequences: Map<string, CommitSequence> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  #cancel = () => {};
  #stopped = false;
  /** something that was found could not be followed up: everything has to be compared */
  #unsure = false;

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  /** Finds out where the commits stand, and looks from then on. */
  start(): void {
    const again = () => {
      if (!this.#stopped) this.#cancel = this.#options.clock.after(LOOK_MS, () => void this.look().finally(again));
    };
    void this.look().finally(again);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Resolves after a look that began now or later. A look that fails is made again with the next one. */
  look(): Promise<void> {
    this.#waiting ??= this.#looking.then(async () => {
      this.#waiting = undefined;
      if (this.#stopped) return;
      try {
        await this.#look();
      } catch {
        this.#unsure = true;
        this.#options.metrics.count('hub_repair_errors_total');
      }
    });
    this.#looking = this.#waiting;
    return this.#waiting;
  }

  async #look(): Promise<void> {
    const { store, clock, reached, unsure } = this.#options;
    const now = clock.now();
    const runs = new Map<string, Reached>();
    this.#sequences ??= await this.#begin();
    for (const { server, n } of await store.lastCommits(now - SKEW_MS)) {
      const sequence = this.#sequences.get(server) ?? new CommitSequence(0);
      this.#sequences.set(server, sequence);
      if (n > sequence.newest) await this.#readNewer(server, sequence, runs);
    }
    for (const [server, sequence] of this.#sequences) {
      for (const { from, to } of [...sequence.holes]) {
        const rows = await store.commitsAfter(server, from - 1, Math.min(to - from + 1, PAGE));
        this.#note(rows, sequence, runs);
      }
      if (sequence.giveUp(now - HOLE_MS)) this.#unsure = true;
    }
    if (runs.size > 0) await reached([...runs.values()]);
    if (this.#unsure) await unsure();
    this.#unsure = false;
  }

  /** What stands there already is behind every row that is read from now on; but not what is still under way. */
  async #begin(): Promise<Map<string, CommitSequence>> {
    const last = await this.#options.store.lastCommits(0);
    return new Map(last.map(({ server, n }) => [server, new CommitSequence(Math.max(0, n - START_BACK))]));
  }

  async #readNewer(server: string, sequence: CommitSequence, runs: Map<string, Reached>): Promise<void> {
    for (;;) {
      const rows = await this.#options.store.commitsAfter(server, sequence.newest, PAGE);
      this.#note(rows, sequence, runs);
      if (rows.length < PAGE) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #note(rows: readonly CommitRow[], sequence: CommitSequence, runs: Map<string, Reached>): void {
    const now = this.#options.clock.now();
    for (const { server, n, at, heads } of rows) {
      if (!sequence.read(n, now)) continue;
      const own = server === this.#options.server;
      for (const { tenant, run, head } of heads) {
        const key = `${tenant}/${run}`;
        const known = runs.get(key);
        if (!known) runs.set(key, { tenant, run, head, at, own });
        else
          Object.assign(known, { head: Math.max(known.head, head), at: Math.min(known.at, at), own: known.own || own });
      }
    }
  }
}
