import { RunMap } from './run-map.ts';
import type { RunKey } from './store.ts';
import type { Head, Late } from './store-sqlite-heads.ts';

/** What a run that is late takes beside its texts; bytes. */
const OVERHEAD = 512;

/** The runs whose tables are behind the journal, those that are so longest first. */
export class LateRuns {
  readonly #runs = new Map<number, Head>();
  readonly #byKey = new RunMap<Head>();
  /** of all of their tails and rows, about */
  bytes = 0;

  get all(): IterableIterator<Head> {
    return this.#runs.values();
  }

  get size(): number {
    return this.#runs.size;
  }

  /** The oldest commit that the journal has to keep for them. */
  get since(): number | undefined {
    const [oldest] = this.#runs.values();
    return oldest?.late?.since;
  }

  byNumber(id: number): Head | undefined {
    return this.#runs.get(id);
  }

  find(key: RunKey): Head | undefined {
    return this.#byKey.get(key);
  }

  /** The run's changes that are late, of commit `n` and before. */
  enter(head: Head, n: number): Late {
    if (head.late) return head.late;
    head.late = { since: n, tail: [], bytes: OVERHEAD, producers: new Set(), leases: false };
    this.#runs.set(head.id, head);
    this.#byKey.set(head, head);
    this.bytes += OVERHEAD;
    return head.late;
  }

  grow(late: Late, bytes: number): void {
    late.bytes += bytes;
    this.bytes += bytes;
  }

  leave(head: Head): void {
    this.bytes -= head.late?.bytes ?? 0;
    head.late = undefined;
    this.#runs.delete(head.id);
    this.#byKey.delete(head);
  }
}
