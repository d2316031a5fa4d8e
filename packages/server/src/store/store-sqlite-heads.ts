import type { RunState } from '@millrace/protocol';
import { RunMap } from './run-map.ts';
import type { ProducerState, RunKey, RunRowChange } from './store.ts';

/** A run's place in its log, and the number that stands for the run inside the database. */
export interface Head extends RunKey {
  readonly id: number;
  head: number;
  ctl: number;
  at: number;
  ended: boolean;
  status: RunState;
  /** the public status */
  shown: string;
  /** seq up to which the events are in chunks */
  stored: number;
  /** the last commit that all of its tables know; a new run's is 0 */
  settled: number;
  /** what only the journal and the memory hold */
  late: Late | undefined;
  /** by id; those that are not here may be in the table, unless the run is `fresh` */
  readonly producers: Map<string, ProducerState>;
  /** none of its rows was ever written to the tables producers and queue */
  fresh: boolean;
}

/** What a run's commits changed and its tables do not show yet. */
export interface Late {
  /** the first commit of those */
  since: number;
  /** events after `stored`, a text per commit */
  tail: TailText[];
  bytes: number;
  /** the run's first row, where the table runs does not have it */
  first?: RunRowChange;
  /** the row where it is newer than the table's */
  row?: RunRowChange;
  /** ids of producers that moved */
  readonly producers: Set<string>;
  /** its leases are not those of the table */
  leases: boolean;
}

/** Events of one commit, joined by {@link BETWEEN}. */
export interface TailText {
  seq: number;
  count: number;
  text: string;
  /** seqs of the control events among them */
  controls: readonly number[];
}

/** Stands between two events' texts. JSON never holds it raw (RFC 8259, §7). */
export const BETWEEN = '\x1e';

export function newHead(key: RunKey, about: Pick<Head, 'id' | 'status' | 'shown'> & Partial<Head>): Head {
  return {
    tenant: key.tenant,
    run: key.run,
    head: 0,
    ctl: 0,
    at: 0,
    ended: false,
    stored: 0,
    settled: 0,
    late: undefined,
    producers: new Map(),
    fresh: false,
    ...about,
  };
}

/** How many runs one generation holds; each takes some 300 bytes. */
const GENERATION = 20_000;

/**
 * The runs that were used last: looking them up took a third of a commit. It cannot be stale, because one process owns
 * the folder, and what a commit changes it changes here only after it was durable.
 */
export class RecentHeads {
  #young = new RunMap<Head>();
  #old = new RunMap<Head>();
  #youngNumbers = new Map<number, Head>();
  #oldNumbers = new Map<number, Head>();

  byNumber(id: number): Head | undefined {
    return this.#youngNumbers.get(id) ?? this.#oldNumbers.get(id);
  }

  get(key: RunKey): Head | undefined {
    const young = this.#young.get(key);
    if (young) return young;
    const old = this.#old.get(key);
    return old && this.keep(old);
  }

  keep(head: Head): Head {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new RunMap();
      this.#oldNumbers = this.#youngNumbers;
      this.#youngNumbers = new Map();
    }
    this.#young.set(head, head);
    this.#youngNumbers.set(head.id, head);
    return head;
  }

  drop(head: Head): void {
    this.#young.delete(head);
    this.#old.delete(head);
    this.#youngNumbers.delete(head.id);
    this.#oldNumbers.delete(head.id);
  }
}
