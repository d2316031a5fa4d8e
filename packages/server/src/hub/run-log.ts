import { type Bus, type BusMessage, topics } from '../bus/bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunKey, Store } from '../store/store.ts';
import { clear, type Lens } from './lens.ts';
import { LogRange } from './log-range.ts';
import { PageCache } from './page-cache.ts';
import { RunFold } from './run-fold.ts';

/** Events of a page; pages end where their number does, so that readers meet at the same pages. */
const PAGE_EVENTS = 256;
const PAGE_BYTES = 256 * 1024;
const TAIL_BYTES = 64 * 1024;
/** views of one run that are kept, one per lens */
const FOLDS = 16;
const CACHE_BYTES = 16 * 1024 * 1024;

/** Whoever has been sent everything that is known of a log, and is handed what comes. */
export interface LiveReader {
  deliver(range: LogRange): void;
  /** More is known than was handed out: read it. */
  behind(): void;
}

/** One followed run: how far its log is known to reach, its newest batches, and who is live on it. */
export class RunLog {
  readonly key: RunKey;
  readonly live = new Set<LiveReader>();
  /** seq of the last event that is known to be committed */
  known = 0;
  /** true = `known` is the last there will be */
  ended = false;
  readonly #store: Store;
  readonly #metrics: Metrics;
  readonly #cache: PageCache;
  #reading = new Map<number, Promise<LogRange | undefined>>();
  #folds = new Map<string, RunFold>();
  #tail: LogRange[] = [];
  #tailBytes = 0;

  constructor(key: RunKey, store: Store, metrics: Metrics, cache: PageCache) {
    this.key = key;
    this.#store = store;
    this.#metrics = metrics;
    this.#cache = cache;
  }

  heard(message: BusMessage): void {
    if (message.kind !== 'events') return;
    const { seq, through, text, ended } = message;
    if (text === undefined) return this.reaches(through, ended);
    const range = new LogRange(this.key, { seq, through, text });
    this.#append(range);
    this.known = Math.max(this.known, through);
    this.ended ||= ended;
    for (const reader of this.live) reader.deliver(range);
  }

  /** The log is known to reach `head`, by a row that was read or a hint without text. */
  reaches(head: number, ended: boolean): void {
    this.ended ||= ended;
    if (head <= this.known) return;
    this.known = head;
    for (const reader of this.live) reader.behind();
  }

  /** The newest batches from the one that begins after `cursor`; none where they do not reach back to it. */
  tailAfter(cursor: number): readonly LogRange[] {
    const place = this.#tail.findIndex((range) => range.seq === cursor + 1);
    return place < 0 ? [] : this.#tail.slice(place);
  }

  /** Events after `after`, read at most once for all who want them now. undefined = the run is gone. */
  page(after: number): Promise<LogRange | undefined> {
    const cached = this.#cache.get(this.#cacheKey(after));
    if (cached && (cached.whole || cached.range.through >= this.known)) return Promise.resolve(cached.range);
    let reading = this.#reading.get(after);
    if (!reading) {
      reading = this.#read(after).finally(() => this.#reading.delete(after));
      this.#reading.set(after, reading);
    }
    return reading;
  }

  /** The view through `lens` of everything known, as JSON text; folded from where it was left. */
  view(lens: Lens): Promise<{ seq: number; text: string }> {
    let folded = this.#folds.get(lens.id);
    if (!folded) {
      const [oldest] = this.#folds.keys();
      if (oldest !== undefined && this.#folds.size >= FOLDS) this.#folds.delete(oldest);
      folded = new RunFold(this, lens, lens.id === clear.id ? this.#store : undefined, this.#metrics);
      this.#folds.set(lens.id, folded);
    }
    return folded.text();
  }

  async #read(after: number): Promise<LogRange | undefined> {
    const page = await this.#store.readLog(this.key, after, {
      events: PAGE_EVENTS - (after % PAGE_EVENTS),
      bytes: PAGE_BYTES,
    });
    if (!page) return undefined;
    this.#metrics.count('hub_pages_read_total');
    const range = new LogRange(this.key, page);
    const whole = page.through < page.head || page.through % PAGE_EVENTS === 0;
    if (page.count > 0) this.#cache.set(this.#cacheKey(after), { range, whole });
    return range;
  }

  #append(range: LogRange): void {
    const last = this.#tail.at(-1);
    if (last && range.seq !== last.through + 1) {
      if (range.through <= last.through) return;
      this.#tail = [];
      this.#tailBytes = 0;
    }
    this.#tail.push(range);
    this.#tailBytes += range.text.length;
    while (this.#tailBytes > TAIL_BYTES && this.#tail.length > 1)
      this.#tailBytes -= this.#tail.shift()?.text.length ?? 0;
  }

  #cacheKey(after: number): string {
    return `${this.key.tenant}/${this.key.run}/${after}`;
  }
}

/** The runs that somebody follows. A run is listened to from its first follower to its last. */
export class RunLogs {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #metrics: Metrics;
  readonly #cache = new PageCache(CACHE_BYTES);
  #followed = new Map<string, { log: RunLog; followers: number; silence: () => void }>();

  constructor(store: Store, bus: Bus, metrics: Metrics) {
    this.#store = store;
    this.#bus = bus;
    this.#metrics = metrics;
  }

  get all(): readonly RunLog[] {
    return [...this.#followed.values()].map(({ log }) => log);
  }

  /** Listens before anything is read, so that nothing falls between. Every follow is ended by one `unfollow`. */
  follow(key: RunKey): RunLog {
    const topic = topics.run(key.tenant, key.run);
    let followed = this.#followed.get(topic);
    if (!followed) {
      const log = new RunLog(key, this.#store, this.#metrics, this.#cache);
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
  }
}
