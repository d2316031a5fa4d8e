import {
  type ControlView,
  emptyControl,
  FOLD,
  foldControl,
  isTerminal,
  liveAttempts,
  MillraceError,
  type RunEvent,
} from '@millrace/protocol';
import { type ProducerState, type RunKey, RunMap, type Store } from '../store/store.ts';

/**
 * A run in memory: its control view, folded in place. During a flush the view runs ahead of the store; it is the
 * flush's scratch. If the commit fails the resident is thrown away and read again, so nobody ever sees what
 * was not committed (docs/decisions/0001).
 */
export interface Resident {
  readonly key: RunKey;
  readonly control: ControlView;
  /** seq of the last event, committed or decided in the present flush */
  head: number;
  /** committed seq of the last control event: the fence of the next append */
  ctl: number;
  /** at of the last event */
  at: number;
  /** what is known of its producers; null = it never appended */
  readonly producers: Map<string, ProducerState | null>;
  /** made by this process since it was created, so a producer that is not in the map never appended */
  readonly whole: boolean;
  /** keys under which a whole run may have due rows; of any other run nobody knows */
  readonly owed: Set<string> | undefined;
}

const PAGE = { events: 5_000, bytes: 8 * 1024 * 1024 };

/** The runs that are in memory. Parked and ended ones leave after each commit; idle external ones when there are many. */
export class Residents {
  readonly #store: Store;
  readonly #runs = new RunMap<Resident>();
  readonly #loading = new RunMap<Promise<Resident>>();
  readonly #limit: number;

  constructor(store: Store, limit = 20_000) {
    this.#store = store;
    this.#limit = limit;
  }

  get(key: RunKey): Resident | undefined {
    return this.#runs.get(key);
  }

  /** A new run that no log exists of yet. */
  create(key: RunKey): Resident {
    const run: Resident = {
      key,
      control: emptyControl(key.run),
      head: 0,
      ctl: 0,
      at: 0,
      producers: new Map(),
      whole: true,
      owed: new Set(),
    };
    this.#runs.set(key, run);
    return run;
  }

  /** Errors: run_not_found, newer_log. */
  async load(key: RunKey): Promise<Resident> {
    const known = this.get(key);
    if (known) return known;
    let loading = this.#loading.get(key);
    if (!loading) {
      loading = this.#read(key).finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  /**
   * Where other servers write to the same store: drops those of the runs that have moved on there. What is written is
   * fenced anyway; an answer that writes nothing has to be given on what is.
   */
  async refresh(keys: readonly RunKey[]): Promise<void> {
    if (!this.#store.capabilities.shared) return;
    const known = keys.filter((key) => this.get(key));
    if (known.length === 0) return;
    const heads = await this.#store.heads(known);
    for (const [place, key] of known.entries()) {
      const run = this.get(key);
      const now = heads[place];
      if (run && (!now || now.ctl > run.ctl || now.head > run.head)) this.drop(key);
    }
  }

  drop(key: RunKey): void {
    this.#runs.delete(key);
  }

  /** Lets a run go that needs no memory now. */
  settle(run: Resident): void {
    const { control } = run;
    const parked = !control.external && liveAttempts(control) === 0 && control.counts.queued === 0;
    if (isTerminal(control.status) || parked) this.drop(run.key);
    if (this.#runs.size <= this.#limit) return;
    for (const other of this.#runs.values()) {
      if (this.#runs.size <= this.#limit / 2) break;
      if (other.control.external && other !== run) this.#runs.delete(other.key);
    }
  }

  /** The control view as it was at `seq`, folded anew. Errors: run_not_found, invalid_request. */
  async at(key: RunKey, seq: number): Promise<ControlView> {
    let control = emptyControl(key.run);
    for (let after = 0; ; ) {
      const page = await this.#store.readControl(key, after, PAGE);
      if (!page) throw new MillraceError('run_not_found', { detail: `There is no run "${key.run}" that you may see.` });
      if (seq < 1 || seq > page.head) {
        throw new MillraceError('invalid_request', {
          detail: `The run's log goes from 1 to ${page.head}; ${seq} is not in it.`,
          facts: { head: page.head },
        });
      }
      for (const event of JSON.parse(`[${page.text}]`) as RunEvent[]) {
        if (event.seq > seq) return control;
        control = foldControl(control, event);
      }
      after = page.through;
      if (after >= page.head) return control;
    }
  }

  async #read(key: RunKey): Promise<Resident> {
    const snapshot = await this.#store.readSnapshot(key, 'control', FOLD);
    let control = snapshot ? (JSON.parse(snapshot.text) as ControlView) : emptyControl(key.run);
    let after = snapshot?.seq ?? 0;
    for (;;) {
      const page = await this.#store.readControl(key, after, PAGE);
      if (!page) throw new MillraceError('run_not_found', { detail: `There is no run "${key.run}" that you may see.` });
      for (const event of JSON.parse(`[${page.text}]`) as RunEvent[]) control = foldControl(control, event);
      after = page.through;
      if (after < page.head) continue;
      if (page.ctl !== control.ctl)
        throw new MillraceError('newer_log', {
          detail: `The run "${key.run}" holds a control event of a newer version.`,
        });
      const run: Resident = {
        key,
        control,
        head: page.head,
        ctl: page.ctl,
        at: page.at,
        producers: new Map(),
        whole: false,
        owed: undefined,
      };
      const raced = this.get(key);
      if (raced) return raced;
      this.#runs.set(key, run);
      return run;
    }
  }
}
