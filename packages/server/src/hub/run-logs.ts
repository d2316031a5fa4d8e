import type { Clock } from '@millrace/protocol';
import { type Bus, topics } from '../bus/bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunKey, Store } from '../store/store.ts';
import { PageCache } from './page-cache.ts';
import { RunLog } from './run-log.ts';

/** bytes of newest batches that one run keeps at most, and about what all keep together */
const TAIL_BYTES = 64 * 1024;
const TAILS_BYTES = 16 * 1024 * 1024;
/** bytes of pages that were read, with what was built of them */
const CACHE_BYTES = 32 * 1024 * 1024;
/** runs whose views are kept when nobody follows them any more, and the bytes of those */
const IDLE = 64;
const IDLE_BYTES = 16 * 1024 * 1024;
/** rows that are read at the same time */
const READS = 64;

/**
 * The runs that somebody follows. A run is listened to from its first follower to its last; the views of those that
 * were followed last are kept, for whoever comes back.
 */
export class RunLogs {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #cache = new PageCache(CACHE_BYTES);
  #followed = new Map<string, { log: RunLog; followers: number; silence: () => void }>();
  #idle = new Map<string, RunLog>();

  constructor({ store, bus, metrics, clock }: { store: Store; bus: Bus; metrics: Metrics; clock: Clock }) {
    this.#store = store;
    this.#bus = bus;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** What was committed by now: where a hint was lost the row is read, which also tells whether the run has ended. */
  async reached(runs: readonly (RunKey & { head: number })[]): Promise<void> {
    const behind = runs.flatMap(({ tenant, run, head }) => {
      const log = this.#followed.get(topics.run(tenant, run))?.log;
      return log && log.known < head ? [log] : [];
    });
    await this.#compare(behind);
  }

  /** Who is being sent what was written before, and how many events of it are left, of all runs. */
  lag(): { readers: number; events: number } {
    let readers = 0;
    let events = 0;
    for (const { log } of this.#followed.values()) {
      readers += log.behind.size;
      for (const { cursor } of log.behind) events += Math.max(0, log.known - cursor);
    }
    return { readers, events };
  }

  /** Compares every followed run with its row. */
  compareAll(): Promise<void> {
    return this.#compare([...this.#followed.values()].map(({ log }) => log));
  }

  async #compare(logs: readonly RunLog[]): Promise<void> {
    for (let from = 0; from < logs.length; from += READS) {
      await Promise.all(
        logs.slice(from, from + READS).map(async (log) => {
          const row = await this.#store.runRow(log.key);
          if (row) log.reaches(row.head, row.ended);
        }),
      );
    }
  }

  /** Listens before anything is read, so that nothing falls between. Every follow is ended by one `unfollow`. */
  follow(key: RunKey): RunLog {
    const topic = topics.run(key.tenant, key.run);
    let followed = this.#followed.get(topic);
    if (!followed) {
      const log = this.#idle.get(topic) ?? this.#make(key);
      this.#idle.delete(topic);
      followed = { log, followers: 0, silence: this.#bus.subscribe(topic, (message) => log.heard(message)) };
      this.#followed.set(topic, followed);
    }
    followed.followers += 1;
    return followed.log;
  }

  unfollow({ key }: RunLog): void {
    const topic = topics.run(key.tenant, key.run);
    const followed = this.#followed.get(topic);
    if (!followed) return;
    followed.followers -= 1;
    if (followed.followers > 0) return;
    followed.silence();
    this.#followed.delete(topic);
    this.#keep(topic, followed.log);
  }

  /** Brings the stored view of a run near `head`, whoever follows it or not. Answers the seq of what is stored. */
  async advance(key: RunKey, head: number): Promise<number> {
    const topic = topics.run(key.tenant, key.run);
    const log = this.#followed.get(topic)?.log ?? this.#idle.get(topic) ?? this.#make(key);
    // Whoever comes meanwhile goes on with what was folded by then.
    if (!this.#followed.has(topic)) this.#keep(topic, log);
    log.reaches(head, false);
    const { stored } = await log.advance();
    if (!this.#followed.has(topic)) this.#keep(topic, log);
    return stored;
  }

  #make(key: RunKey): RunLog {
    const share = () => Math.min(TAIL_BYTES, TAILS_BYTES / this.#followed.size);
    const parts = { store: this.#store, metrics: this.#metrics, clock: this.#clock, cache: this.#cache };
    return new RunLog(key, parts, share);
  }

  #keep(topic: string, log: RunLog): void {
    log.rest();
    this.#idle.delete(topic);
    this.#idle.set(topic, log);
    let bytes = 0;
    for (const [place, [name, kept]] of [...this.#idle].reverse().entries()) {
      bytes += kept.weight;
      if (place >= IDLE || bytes > IDLE_BYTES) this.#idle.delete(name);
    }
  }
}
