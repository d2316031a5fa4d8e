import type { Clock, WorkerRegistration } from '@millrace/protocol';
import type { ClaimRequest, Part, QueueRow, Store } from '../store/store.ts';
import type { Look } from './flush.ts';
import type { PartDraft } from './part-draft.ts';

/** A worker that looks for work, and what is known of the queue for it. */
export interface Seeker {
  readonly tenant: string;
  readonly worker: WorkerRegistration;
  /** when the queue held nothing more for it, at which of the tenant's wakes */
  drained: { at: number; wakes: number } | undefined;
  /** rows that commits found for it */
  kept: QueueRow[];
}

/** ms for which an empty queue counts as empty where nobody has told of work: a hint may have been lost */
const DRAINED = 1_000;
/** ms for which rows that a commit found wait for their worker's next claim; other servers see them after as long */
const KEPT = 300;

/**
 * What is known of the queue, and which of its rows are spoken for. As long as a worker is given all that it asks
 * for there may be more: then the commits that end its attempts ask with it, and its next claim has no question left
 * (docs/decisions/0020).
 */
export class Backlog {
  readonly #store: Store;
  readonly #clock: Clock;
  /** by tenant: how often it was told that there may be work */
  readonly #wakes = new Map<string, number>();
  /** rows that a start command is under way for */
  readonly #starting = new Set<string>();
  /** rows that are kept for a worker, those first that were found first */
  readonly #kept = new Map<string, { seeker: Seeker; until: number }>();
  /** by tenant and id: workers whose last look was given all that it asked for */
  readonly #hungry = new Map<string, Seeker>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** There may be work for this tenant's workers. */
  wake(tenant: string): void {
    this.#wakes.set(tenant, this.#wakesOf(tenant) + 1);
  }

  isDrained({ tenant, drained, kept }: Seeker): boolean {
    if (!drained || kept.length > 0) return false;
    return drained.wakes === this.#wakesOf(tenant) && this.#clock.now() - drained.at < DRAINED;
  }

  /** Rows that commits found for the worker and that nobody has started since: the caller's, until they are `done`. */
  take(seeker: Seeker, limit: number): QueueRow[] {
    this.#expire();
    const rows = seeker.kept.filter((row) => this.#kept.get(rowId(row))?.seeker === seeker);
    seeker.kept = rows.splice(limit);
    return this.#reserve(rows);
  }

  /** Asks the store for rows that the worker may start: the caller's, until they are `done`. */
  async look(seeker: Seeker, limit: number): Promise<QueueRow[]> {
    this.#expire();
    const wakes = this.#wakesOf(seeker.tenant);
    const asked = limit + this.#starting.size + this.#kept.size;
    const rows = await this.#store.claimable(this.#request(seeker, asked));
    const free = rows.filter((row) => !this.#starting.has(rowId(row)));
    const unkept = this.#unkept(free);
    this.#note(seeker, rows.length < asked && free.length <= limit, wakes);
    // Who looks is there; whoever rows are kept for may have gone.
    return this.#reserve((unkept.length < limit ? free : unkept).slice(0, limit));
  }

  /** The start of this row has been decided. */
  done(row: QueueRow): void {
    this.#starting.delete(rowId(row));
  }

  /** What the commit of these parts is to look for: as many rows for a worker that may find more as it ends attempts. */
  looks(drafts: readonly PartDraft[], parts: readonly Part[]): Look[] {
    if (this.#hungry.size === 0) return [];
    this.#expire();
    const freed = new Map<Seeker, number>();
    let before = this.#starting.size + this.#kept.size;
    for (const [place, { tenant, run, release, dequeue }] of parts.entries()) {
      for (const node of release ?? []) {
        const seeker = this.#hungry.get(`${tenant}/${drafts[place]?.control.nodes[node]?.worker}`);
        if (seeker) freed.set(seeker, (freed.get(seeker) ?? 0) + 1);
      }
      // What starts in this commit stands in the queue no more when it looks.
      for (const node of dequeue ?? []) if (this.#starting.has(rowId({ tenant, run, node }))) before -= 1;
    }
    return [...freed].map(([seeker, count]) => {
      before += count;
      return this.#lookFor(seeker, count, before);
    });
  }

  #lookFor(seeker: Seeker, count: number, asked: number): Look {
    const wakes = this.#wakesOf(seeker.tenant);
    const found = (rows: readonly QueueRow[]) => {
      const free = rows.filter((row) => !this.#starting.has(rowId(row)));
      const kept = this.#unkept(free).slice(0, count);
      const keeping = { seeker, until: this.#clock.now() + KEPT };
      for (const row of kept) this.#kept.set(rowId(row), keeping);
      seeker.kept.push(...kept);
      this.#note(seeker, rows.length < asked && free.length === kept.length, wakes);
    };
    return { ask: this.#request(seeker, asked), found };
  }

  #request({ tenant, worker: { tasks, queues } }: Seeker, limit: number): ClaimRequest {
    return { tenant, tasks, now: this.#clock.now(), limit, ...(queues ? { queues } : {}) };
  }

  #unkept(rows: readonly QueueRow[]): QueueRow[] {
    return rows.filter((row) => !this.#kept.has(rowId(row)));
  }

  #reserve(rows: QueueRow[]): QueueRow[] {
    for (const row of rows) {
      this.#kept.delete(rowId(row));
      this.#starting.add(rowId(row));
    }
    return rows;
  }

  #note(seeker: Seeker, drained: boolean, wakes: number): void {
    seeker.drained = drained ? { at: this.#clock.now(), wakes } : undefined;
    if (drained) this.#hungry.delete(workerId(seeker));
    else this.#hungry.set(workerId(seeker), seeker);
  }

  /** A worker that has not come for its rows may have gone: they are anybody's, and nobody looks for it any more. */
  #expire(): void {
    const now = this.#clock.now();
    for (const [id, { seeker, until }] of this.#kept) {
      if (until > now) return;
      this.#kept.delete(id);
      this.#hungry.delete(workerId(seeker));
    }
  }

  #wakesOf(tenant: string): number {
    return this.#wakes.get(tenant) ?? 0;
  }
}

const rowId = ({ tenant, run, node }: Pick<QueueRow, 'tenant' | 'run' | 'node'>): string => `${tenant}/${run}/${node}`;

const workerId = ({ tenant, worker }: Seeker): string => `${tenant}/${worker.id}`;
