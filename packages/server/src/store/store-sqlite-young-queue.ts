import type { QueueRow } from './store.ts';

export interface YoungRow {
  id: number;
  place: number;
  row: QueueRow;
}

/**
 * Queue rows that were claimable when they came and wait for no slot or rate: most of them are claimed before their
 * run's tables are written, and never see a table.
 */
export class YoungQueue {
  /** rows by priority, in the order of queueing */
  readonly #byTask = new Map<string, Map<number, Map<number, YoungRow>>>();
  readonly #byRun = new Map<number, Map<string, YoungRow>>();

  has(id: number, node: string): boolean {
    return this.#byRun.get(id)?.has(node) ?? false;
  }

  of(id: number): YoungRow[] {
    return [...(this.#byRun.get(id)?.values() ?? [])];
  }

  put(id: number, place: number, row: QueueRow): void {
    this.drop(id, row.node);
    const young = { id, place, row };
    within(this.#byRun, id, () => new Map<string, YoungRow>()).set(row.node, young);
    const priorities = within(this.#byTask, taskOf(row.tenant, row.task), () => new Map());
    within(priorities, row.priority, () => new Map<number, YoungRow>()).set(place, young);
  }

  drop(id: number, node: string): void {
    const rows = this.#byRun.get(id);
    const young = rows?.get(node);
    if (!rows || !young) return;
    rows.delete(node);
    if (rows.size === 0) this.#byRun.delete(id);
    const { tenant, task, priority } = young.row;
    const name = taskOf(tenant, task);
    const priorities = this.#byTask.get(name);
    const places = priorities?.get(priority);
    places?.delete(young.place);
    if (places?.size === 0) priorities?.delete(priority);
    if (priorities?.size === 0) this.#byTask.delete(name);
  }

  dropAll(id: number): void {
    for (const { row } of this.of(id)) this.drop(id, row.node);
  }

  clear(): void {
    this.#byTask.clear();
    this.#byRun.clear();
  }

  /** Up to `limit` rows that suit the claim, priority first, then the order of queueing. */
  ready(
    { tenant, task, version }: { tenant: string; task: string; version: string | null },
    { queues, now, limit }: { queues?: readonly string[]; now: number; limit: number },
  ): YoungRow[] {
    const priorities = this.#byTask.get(taskOf(tenant, task));
    if (!priorities) return [];
    const found: YoungRow[] = [];
    for (const priority of [...priorities.keys()].sort((a, b) => b - a)) {
      for (const young of priorities.get(priority)?.values() ?? []) {
        if (found.length >= limit) return found;
        const { row } = young;
        if (row.at > now || (row.version !== undefined && row.version !== version)) continue;
        if (!queues || queues.includes(row.queue)) found.push(young);
      }
    }
    return found;
  }
}

const taskOf = (tenant: string, task: string): string => `${tenant.length}/${tenant}/${task}`;

function within<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
