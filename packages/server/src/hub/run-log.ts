import type { Clock, RunView } from '@millrace/protocol';
import type { BusMessage } from '../bus/bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunKey, Store } from '../store/store.ts';
import type { Encoding } from './face.ts';
import { clear, type Lens } from './lens.ts';
import { type Form, formOf, LogRange } from './log-range.ts';
import type { PageCache } from './page-cache.ts';
import { RunFold, type ViewText } from './run-fold.ts';
import { viewAt } from './view-at.ts';

/** Events of a page; pages end where their number does, so that readers meet at the same pages. */
const PAGE_EVENTS = 512;
const PAGE_BYTES = 256 * 1024;
/** what a fold reads at once */
const STRETCH = { events: 1_024, bytes: 128 * 1024 };
/** views of one run that are kept, one per lens */
const FOLDS = 16;
/** forms that one run's readers share */
const FORMS = 64;

/** Whoever has been sent everything that is known of a log, and is handed what comes. */
export interface LiveReader {
  deliver(range: LogRange): void;
  /** More is known than was handed out: read it. */
  behind(): void;
}

export interface RunLogParts {
  store: Store;
  metrics: Metrics;
  clock: Clock;
  cache: PageCache;
}

/** One followed run: how far its log is known to reach, its newest batches, and who is live on it. */
export class RunLog {
  readonly key: RunKey;
  readonly live = new Set<LiveReader>();
  /** those who read what they have not been sent yet */
  readonly behind = new Set<{ readonly cursor: number }>();
  /** seq of the last event that is known to be committed */
  known = 0;
  /** true = `known` is the last there will be */
  ended = false;
  readonly #store: Store;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #cache: PageCache;
  #reading = new Map<number, Promise<LogRange | undefined>>();
  #folds = new Map<string, RunFold>();
  /** views in the middle of the log that are being folded, by lens and seq */
  #viewsAt = new Map<string, Promise<RunView>>();
  #forms = new Map<string, Form>();
  readonly #tailLimit: () => number;
  #tail: LogRange[] = [];
  #tailBytes = 0;

  constructor(key: RunKey, { store, metrics, clock, cache }: RunLogParts, tailLimit: () => number) {
    this.key = key;
    this.#store = store;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#cache = cache;
    this.#tailLimit = tailLimit;
  }

  /** bytes of the views that are kept */
  get weight(): number {
    let bytes = 0;
    for (const folded of this.#folds.values()) bytes += folded.weight;
    return bytes;
  }

  heard(message: BusMessage): void {
    if (message.kind !== 'events') return;
    const { seq, through, text, ended } = message;
    if (text === undefined) return this.reaches(through, ended);
    const range = new LogRange(this.key, { seq, through, text });
    this.known = Math.max(this.known, through);
    this.ended ||= ended;
    const readers = this.live.size;
    for (const reader of this.live) reader.deliver(range);
    // One reader who has everything: whoever comes next reads the store, and a thousand such runs hold nothing.
    if (this.live.size === 1 && this.behind.size === 0) this.rest();
    else this.#append(range);
    if (readers === 0) return;
    // What the readers were handed is written before this.
    queueMicrotask(() => this.#metrics.observe('hub_delivery_seconds', (this.#clock.now() - atOf(text)) / 1_000));
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

  /** Events after `after`, where they are in memory. */
  kept(after: number): LogRange | undefined {
    const cached = this.#cache.get(this.#cacheKey(after));
    return cached && (cached.whole || cached.range.through >= this.known) ? cached.range : undefined;
  }

  /** Events after `after`, read at most once for all who want them now. undefined = the run is gone. */
  page(after: number): Promise<LogRange | undefined> {
    const kept = this.kept(after);
    if (kept) return Promise.resolve(kept);
    let reading = this.#reading.get(after);
    if (!reading) {
      reading = this.#read(after).finally(() => this.#reading.delete(after));
      this.#reading.set(after, reading);
    }
    return reading;
  }

  /** A long stretch after `after`, for one who reads on from there and alone. undefined = the run is gone. */
  async stretch(after: number): Promise<LogRange | undefined> {
    const stretch = await this.#store.readLog(this.key, after, STRETCH);
    return stretch && new LogRange(this.key, stretch);
  }

  /** The one form of these: its readers share it, and with it the bytes. */
  formOf(encoding: Encoding, lens: Lens, key: string): Form {
    const form = formOf(encoding, lens, key);
    const known = this.#forms.get(form.name);
    if (known) return known;
    if (this.#forms.size >= FORMS) this.#forms.clear();
    this.#forms.set(form.name, form);
    return form;
  }

  /** The view through `lens` of everything known; folded from where it was left. Errors: run_deleted. */
  view(lens: Lens): Promise<ViewText> {
    return this.#foldOf(lens).text(false);
  }

  /** The view through `lens` as it was at `seq`; the caller must not change it. Errors: run_deleted. */
  viewAt(lens: Lens, seq: number): Promise<RunView> {
    const place = `${lens.id} ${seq}`;
    let folding = this.#viewsAt.get(place);
    if (!folding) {
      folding = viewAt(this, lens, seq, this.#store).finally(() => this.#viewsAt.delete(place));
      this.#viewsAt.set(place, folding);
    }
    return folding;
  }

  /** Brings the views that are kept, and the one of everything, near the head, as nobody waits for it. */
  async advance(): Promise<{ stored: number }> {
    const whole = this.#foldOf(clear);
    for (const folded of this.#folds.values()) await folded.text(true);
    return whole;
  }

  /** Nobody wants the newest batches any more: the views are kept, and nothing else. */
  rest(): void {
    if (this.#tail.length === 0) return;
    this.#tail = [];
    this.#tailBytes = 0;
  }

  #foldOf(lens: Lens): RunFold {
    let folded = this.#folds.get(lens.id);
    if (!folded) {
      const [oldest] = this.#folds.keys();
      if (oldest !== undefined && this.#folds.size >= FOLDS) this.#folds.delete(oldest);
      folded = new RunFold(this, lens, this.#store, this.#metrics);
      this.#folds.set(lens.id, folded);
    }
    return folded;
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
    const limit = this.#tailLimit();
    while (this.#tailBytes > limit && this.#tail.length > 1) this.#tailBytes -= this.#tail.shift()?.text.length ?? 0;
  }

  #cacheKey(after: number): string {
    return `${this.key.tenant}/${this.key.run}/${after}`;
  }
}

/** When the first of these events was written, in ms: it stands in its text behind the seq. */
function atOf(text: string): number {
  const from = text.indexOf('"at":') + 5;
  return Number(text.slice(from, text.indexOf(',', from)));
}
