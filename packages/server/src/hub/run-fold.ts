import { emptyView, FOLD, fold, MillraceError, type RunView } from '@millrace/protocol';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunKey, Store } from '../store/store.ts';
import type { Lens } from './lens.ts';
import type { LogRange } from './log-range.ts';

/** What a fold reads from. */
interface Log {
  readonly key: RunKey;
  readonly known: number;
  page(after: number): Promise<LogRange | undefined>;
}

type Snapshots = Pick<Store, 'readSnapshot' | 'writeSnapshot'>;

/**
 * The view of one log through one lens: the fold of the events that the lens shows, never an edited view. It is
 * folded on demand, from where it was left, and its text is built once per seq. The view of everything starts at
 * the stored snapshot, and stores one when it has folded more bytes than the view itself has.
 */
export class RunFold {
  readonly #log: Log;
  readonly #lens: Lens;
  /** where snapshots are kept; undefined = of this lens none are */
  readonly #snapshots: Snapshots | undefined;
  readonly #metrics: Metrics;
  /** `seq` is how far the log was read; the view's own is its last event's */
  #folded: { view: RunView; seq: number } | undefined;
  #text: { seq: number; text: string } | undefined;
  #bytesSinceStored = 0;
  #folding: Promise<{ seq: number; text: string }> | undefined;

  constructor(log: Log, lens: Lens, snapshots: Snapshots | undefined, metrics: Metrics) {
    this.#log = log;
    this.#lens = lens;
    this.#snapshots = snapshots;
    this.#metrics = metrics;
  }

  /** The view's JSON text at a recent head, and that head's seq. Errors: run_deleted. */
  text(): Promise<{ seq: number; text: string }> {
    this.#folding ??= this.#fold().finally(() => {
      this.#folding = undefined;
    });
    return this.#folding;
  }

  async #fold(): Promise<{ seq: number; text: string }> {
    const { view, seq } = await this.#advance();
    if (this.#text?.seq === seq) return this.#text;
    this.#text = { seq, text: JSON.stringify(view) };
    if (this.#bytesSinceStored > this.#text.text.length) void this.#keep(this.#text);
    return this.#text;
  }

  async #advance(): Promise<{ view: RunView; seq: number }> {
    const folded = this.#folded ?? (await this.#start());
    // Put back when it is whole again: half a page folded is no view.
    this.#folded = undefined;
    while (folded.seq < this.#log.known) {
      const page = await this.#log.page(folded.seq);
      if (!page) throw new MillraceError('run_deleted');
      if (page.through <= folded.seq) break;
      for (const event of page.parse(this.#lens)) fold(folded.view, event);
      folded.seq = page.through;
      this.#bytesSinceStored += page.text.length;
      // A long log is folded a page a turn: others are served meanwhile.
      if (folded.seq < this.#log.known) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#folded = folded;
    return folded;
  }

  async #start(): Promise<{ view: RunView; seq: number }> {
    const stored = await this.#snapshots?.readSnapshot(this.#log.key, 'view', FOLD);
    if (!stored) return { view: emptyView(this.#log.key.run), seq: 0 };
    return { view: JSON.parse(stored.text) as RunView, seq: stored.seq };
  }

  async #keep(snapshot: { seq: number; text: string }): Promise<void> {
    this.#bytesSinceStored = 0;
    try {
      await this.#snapshots?.writeSnapshot(this.#log.key, 'view', { ...snapshot, fold: FOLD });
    } catch {
      // A snapshot only saves work; the log has everything.
      this.#metrics.count('hub_snapshot_errors_total');
    }
  }
}
