import type { ClaimRequest, Part, QueueRow, RunKey } from './store.ts';
import { id, least, sameRun } from './store-memory-keys.ts';

type Start = NonNullable<Part['starts']>[number] & { tenant: string };

/** The queue, the slots of concurrency keys, and the starts that rates count. */
export class MemoryQueue {
  /** in the order of queueing */
  #rows: QueueRow[] = [];
  #starts: Start[] = [];
  readonly #slots = new Map<string, number>();

  /** Whether there is no room for what the part takes. */
  full({ tenant, slots = [], starts = [] }: Part): boolean {
    return (
      slots.some(({ queue, key, delta, limit }) => {
        const moves = slots.filter((move) => move.queue === queue && move.key === key);
        const after = moves.reduce((used, move) => used + move.delta, this.slotsUsed(tenant, queue, key));
        return delta > 0 && limit !== undefined && after > limit;
      }) ||
      starts.some(({ queue, key, limit, per, at }) => {
        const own = starts.filter((start) => start.queue === queue && start.key === key).length;
        return this.#counted(tenant, queue, key, at - per) + own > limit;
      })
    );
  }

  write(part: Part): void {
    const { tenant } = part;
    const gone = (row: QueueRow) => sameRun(row, part) && (part.dequeueAll || part.dequeue?.includes(row.node));
    this.#rows = this.#rows.filter((row) => !gone(row));
    for (const row of part.enqueue ?? []) {
      this.#rows = [...this.#rows.filter((old) => !(sameRun(old, row) && old.node === row.node)), row];
    }
    for (const { queue, key, delta } of part.slots ?? []) {
      this.#slots.set(id(tenant, queue, key), this.slotsUsed(tenant, queue, key) + delta);
    }
    for (const start of part.starts ?? []) {
      this.#starts = [...this.#starts.filter(({ at, per }) => at + per > start.at), { ...start, tenant }];
    }
  }

  claimable({ tenant, tasks, queues, now, limit }: ClaimRequest): QueueRow[] {
    const fits = (row: QueueRow) =>
      tasks.some(({ name, version }) => name === row.task && (row.version === undefined || row.version === version));
    const given: QueueRow[] = [];
    const taken = (queue: string, key: string) =>
      given.filter((row) => row.queue === queue && row.slots?.some((slot) => slot.key === key)).length;
    const started = (queue: string, key: string) =>
      given.filter((row) => row.queue === queue && row.rate?.key === key).length;
    const hasRoom = ({ queue, slots = [], rate }: QueueRow) =>
      slots.every((slot) => this.slotsUsed(tenant, queue, slot.key) + taken(queue, slot.key) < slot.limit) &&
      (!rate || this.#counted(tenant, queue, rate.key, now - rate.per) + started(queue, rate.key) < rate.limit);
    const rows = this.#rows
      .filter((row) => row.tenant === tenant && row.at <= now && (!queues || queues.includes(row.queue)) && fits(row))
      .sort((a, b) => b.priority - a.priority);
    for (const row of rows) if (given.length < limit && hasRoom(row)) given.push(row);
    return given;
  }

  next(now: number): number | undefined {
    const delayed = this.#rows.map(({ at }) => at).filter((at) => at > now);
    const waited = ({ tenant, queue, key }: Start) =>
      this.#rows.some((row) => row.tenant === tenant && row.queue === queue && row.rate?.key === key);
    const windows = this.#starts.filter(({ at, per }) => at + per > now).filter(waited);
    return least([...delayed, ...windows.map(({ at, per }) => at + per)]);
  }

  slotsUsed(tenant: string, queue: string, key: string): number {
    return this.#slots.get(id(tenant, queue, key)) ?? 0;
  }

  forget(key: RunKey): void {
    this.#rows = this.#rows.filter((row) => !sameRun(row, key));
  }

  #counted(tenant: string, queue: string, key: string, after: number): number {
    const counts = (start: Start) => start.tenant === tenant && start.queue === queue && start.key === key;
    return this.#starts.filter((start) => counts(start) && start.at > after).length;
  }
}
