import type { RunSummary } from '@millrace/protocol';
import { type Bus, topics } from '../bus/bus.ts';
import type { RunKey, Store } from '../store/store.ts';

/** A run's row as it has become. */
export interface RowChange {
  row: RunSummary;
  queue?: string;
  /** it was read from the store because its message was lost: its last control event; the queue is not known then */
  ctl?: number;
}

export interface RowListener {
  changed(change: RowChange): void;
  /** Changes may have been missed, and it is not known of which runs. */
  stale(): void;
}

interface Feed {
  listeners: Set<RowListener>;
  /** runs whose rows were heard since the last repair, each with the seq of what was told; and those before it */
  heard: Map<string, number>;
  before: Map<string, number>;
  silence: () => void;
}

/** rows that are read from the store at the same time */
const READS = 64;

/** The changes of run rows that lists hear: one subscription per tenant, from its first list to its last. */
export class RowFeeds {
  readonly #store: Pick<Store, 'runRow'>;
  readonly #bus: Bus;
  #feeds = new Map<string, Feed>();

  constructor(store: Pick<Store, 'runRow'>, bus: Bus) {
    this.#store = store;
    this.#bus = bus;
  }

  /** The returned function ends it. */
  follow(tenant: string, listener: RowListener): () => void {
    const feed = this.#feeds.get(tenant) ?? this.#open(tenant);
    feed.listeners.add(listener);
    return () => {
      feed.listeners.delete(listener);
      if (feed.listeners.size > 0 || this.#feeds.get(tenant) !== feed) return;
      feed.silence();
      this.#feeds.delete(tenant);
    };
  }

  /** What was committed by now: a row that changed and was not heard of is read, and told. */
  async reached(runs: readonly (RunKey & { head: number; at: number })[]): Promise<void> {
    const silent = runs.filter(({ tenant, run, head }) => {
      const feed = this.#feeds.get(tenant);
      return feed !== undefined && lastHeard(feed, run) < head;
    });
    for (let from = 0; from < silent.length; from += READS) {
      await Promise.all(silent.slice(from, from + READS).map((one) => this.#repair(one)));
    }
    for (const feed of this.#feeds.values()) {
      feed.before = feed.heard;
      feed.heard = new Map();
    }
  }

  stale(): void {
    for (const { listeners } of this.#feeds.values()) for (const listener of listeners) listener.stale();
  }

  #open(tenant: string): Feed {
    const listeners = new Set<RowListener>();
    const feed: Feed = { listeners, heard: new Map(), before: new Map(), silence: () => {} };
    feed.silence = this.#bus.subscribe(topics.rows(tenant), (message) => {
      if (message.kind !== 'row') return;
      const { row } = message;
      feed.heard.set(row.id, Math.max(row.seq, feed.heard.get(row.id) ?? 0));
      for (const listener of listeners) listener.changed(message);
    });
    this.#feeds.set(tenant, feed);
    return feed;
  }

  /** Only control events change a row, and most commits are of content. */
  async #repair({ tenant, run, at }: RunKey & { at: number }): Promise<void> {
    const row = await this.#store.runRow({ tenant, run });
    const feed = this.#feeds.get(tenant);
    if (!row || !feed || row.summary.updatedAt < at || lastHeard(feed, run) >= row.ctl) return;
    for (const listener of feed.listeners) listener.changed({ row: row.summary, ctl: row.ctl });
  }
}

function lastHeard({ heard, before }: Feed, run: string): number {
  return heard.get(run) ?? before.get(run) ?? 0;
}
