import { emptyView, FOLD, fold, MillraceError, type RunView } from '@millrace/protocol';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunKey, Snapshot, Store } from '../store/store.ts';
import type { Encoding } from './face.ts';
import type { Lens } from './lens.ts';
import type { LogRange } from './log-range.ts';

/** What a fold reads from. */
interface Log {
  readonly key: RunKey;
  readonly known: number;
  /** a long stretch after `after`; undefined = the run is gone */
  stretch(after: number): Promise<LogRange | undefined>;
}

type Snapshots = Pick<Store, 'readSnapshot' | 'writeSnapshot'>;

/** events that are folded in one turn of the event loop */
const SLICE = 256;
/** turns per slice of a fold that nobody waits for: an idle server hardly notices, a busy one gives it little */
const PATIENT_TURNS = 8;
/** events behind, from which on the stored snapshot may be nearer than what was folded here */
const FAR = 1_024;

/** A view at one seq as its JSON text, and as the bytes that each encoding makes of it: built once for all readers. */
export class ViewText {
  readonly seq: number;
  readonly text: string;
  #bytes = new Map<string, Buffer>();

  constructor(seq: number, text: string) {
    this.seq = seq;
    this.text = text;
  }

  encoded(encoding: Encoding, key: string, run: string): Buffer {
    // The same view goes to subscriptions of other keys: the run's own, and those of lists that hold it.
    const form = `${encoding.name} ${key}`;
    let bytes = this.#bytes.get(form);
    if (!bytes) {
      bytes = encoding.snapshot({ key, run, seq: this.seq }, this.text);
      this.#bytes.set(form, bytes);
    }
    return bytes;
  }
}

/**
 * The view of one log through one lens: the fold of the events that the lens shows, never an edited view. It is
 * folded on demand, from where it was left or from the stored snapshot, and its text is built once per seq. Where the
 * lens has a place in the store, a snapshot is written when more bytes were folded than the view itself has: so what
 * an attaching reader costs is the view and a tail, whatever the log's length.
 */
export class RunFold {
  readonly #log: Log;
  readonly #lens: Lens;
  readonly #store: Snapshots;
  readonly #metrics: Metrics;
  /** `seq` is how far the log was read; the view's own is its last event's */
  #folded: { view: RunView; seq: number } | undefined;
  #text: ViewText | undefined;
  /** seq of the snapshot that is stored, as far as is known here, and bytes that were folded since */
  #stored = 0;
  #bytesSinceStored = 0;
  #folding: Promise<ViewText> | undefined;
  #awaited = false;
  /** how far to fold: a log that grows faster than it is folded is not run after */
  #target = 0;

  constructor(log: Log, lens: Lens, store: Snapshots, metrics: Metrics) {
    this.#log = log;
    this.#lens = lens;
    this.#store = store;
    this.#metrics = metrics;
  }

  /** seq of the last stored snapshot; 0 = there is none */
  get stored(): number {
    return this.#stored;
  }

  /** bytes that the text holds in memory, and about what the view does */
  get weight(): number {
    return this.#text?.text.length ?? 0;
  }

  /** The view at a recent head. `patient`: nobody waits for it, so others go first. Errors: run_deleted. */
  text(patient: boolean): Promise<ViewText> {
    if (!patient) this.#awaited = true;
    if (!patient || !this.#folding) this.#target = this.#log.known;
    this.#folding ??= this.#fold().finally(() => {
      this.#folding = undefined;
      this.#awaited = false;
    });
    return this.#folding;
  }

  async #fold(): Promise<ViewText> {
    const here = this.#folded?.seq ?? this.#text?.seq;
    if (here === undefined || this.#target - here > FAR) await this.#jump(here ?? 0);
    if (this.#text && this.#text.seq >= this.#target) return this.#text;
    const { view, seq } = await this.#advance();
    this.#text = new ViewText(seq, JSON.stringify(view));
    if (this.#lens.snapshot && this.#bytesSinceStored > this.#text.text.length) await this.#keep(this.#text);
    return this.#text;
  }

  /** Goes on from the stored snapshot where that is further than what was folded here. */
  async #jump(here: number): Promise<void> {
    const { snapshot } = this.#lens;
    const stored: Snapshot | undefined = snapshot && (await this.#store.readSnapshot(this.#log.key, snapshot, FOLD));
    if (!stored || stored.seq <= here) return;
    this.#stored = stored.seq;
    this.#bytesSinceStored = 0;
    this.#folded = undefined;
    this.#text = new ViewText(stored.seq, stored.text);
  }

  async #advance(): Promise<{ view: RunView; seq: number }> {
    const folded = this.#folded ?? this.#start();
    // Put back when it is whole again: half a stretch folded is no view.
    this.#folded = undefined;
    while (folded.seq < this.#target) {
      const stretch = await this.#log.stretch(folded.seq);
      if (!stretch) throw new MillraceError('run_deleted');
      if (stretch.through <= folded.seq) break;
      const events = stretch.parse(this.#lens);
      for (let from = 0; from < events.length; from += SLICE) {
        for (const event of events.slice(from, from + SLICE)) fold(folded.view, event);
        await this.#pause();
      }
      folded.seq = stretch.through;
      this.#bytesSinceStored += stretch.text.length;
    }
    this.#folded = folded;
    return folded;
  }

  /** A long log is folded a slice a turn: others are served meanwhile. */
  async #pause(): Promise<void> {
    for (let turn = 0; turn < (this.#awaited ? 1 : PATIENT_TURNS); turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A text that was not folded here is parsed only now that there is something to add. */
  #start(): { view: RunView; seq: number } {
    if (!this.#text) return { view: emptyView(this.#log.key.run), seq: 0 };
    return { view: JSON.parse(this.#text.text) as RunView, seq: this.#text.seq };
  }

  async #keep({ seq, text }: ViewText): Promise<void> {
    if (!this.#lens.snapshot) return;
    this.#bytesSinceStored = 0;
    try {
      await this.#store.writeSnapshot(this.#log.key, this.#lens.snapshot, { seq, text, fold: FOLD });
      this.#stored = seq;
    } catch {
      // A snapshot only saves work; the log has everything.
      this.#metrics.count('hub_snapshot_errors_total');
    }
  }
}
